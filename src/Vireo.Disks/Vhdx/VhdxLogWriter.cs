using Vireo.Disks.Files;
using Vireo.Platform.Testing;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Appends entries to the log of an open file. Every entry is a sequence of its own (its tail is itself), which is right because the
/// caller has made the changes of all earlier entries durable in place before it appends. [MS-VHDX] 2.3.1 Log Entry.
/// </summary>
/// <remarks>
/// An entry takes at most a quarter of the log, so it never overwrites the entry before it: a torn append leaves that one valid, and
/// replaying it again changes nothing. The log id reaches the header after the first entry is durable; until then the log does not count.
/// </remarks>
internal sealed class VhdxLogWriter
{
    /// <summary>Pages in one entry at most.</summary>
    public const int MaximumPages = 60;

    private const int PageBytes = VhdxLogEntryHeader.SectorBytes;
    private readonly IImageFile _file;
    private readonly VhdxHeaderPair _headers;
    private readonly byte[] _entry = new byte[(1 + MaximumPages) * PageBytes];
    private readonly Guid _logId;
    private int _position;
    private ulong _sequenceNumber;

    /// <summary>A log that has no entry in this session yet.</summary>
    public VhdxLogWriter(IImageFile file, VhdxHeaderPair headers, Guid logId)
    {
        Platform.Invariant.Check(VhdxLogEntryHeader.DescriptorSectors(MaximumPages) == 1);
        Platform.Invariant.Check(_entry.Length <= VhdxLimits.Megabyte / 4);
        _file = file;
        _headers = headers;
        _logId = logId;
    }

    /// <summary>Whether the header refers to the log, so that closing has to take the reference back.</summary>
    public bool IsReferenced { get; private set; }

    /// <summary>Writes one entry with <paramref name="pages"/> and makes it durable; afterwards the pages may be written in place.</summary>
    /// <param name="pages">File offset and content of each 4096-byte page; at most <see cref="MaximumPages"/>.</param>
    /// <param name="fileBytes">Length of the file, already durable.</param>
    public BlockStatus Append(IReadOnlyList<(long OffsetBytes, byte[] Content)> pages, long fileBytes)
    {
        var entryBytes = (1 + pages.Count) * PageBytes;
        var logBytes = _headers.Current.LogLengthBytes;
        if (_position + entryBytes > logBytes)
        {
            _position = 0;
        }

        var sequenceNumber = _sequenceNumber + 1;
        var entry = _entry.AsSpan(0, entryBytes);
        entry[..PageBytes].Clear();
        for (var i = 0; i < pages.Count; i++)
        {
            var descriptor = VhdxLogDataSector.Pack(pages[i].Content, pages[i].OffsetBytes, sequenceNumber, entry.Slice((1 + i) * PageBytes, PageBytes));
            descriptor.WriteData(entry[(VhdxLogEntryHeader.LengthBytes + (i * VhdxLogDescriptor.LengthBytes))..], sequenceNumber);
        }

        new VhdxLogEntryHeader(entryBytes, _position, sequenceNumber, pages.Count, _logId, fileBytes, fileBytes).WriteAndSeal(entry);
        var status = _file.Write((long)_headers.Current.LogOffsetBytes + _position, entry);
        CrashPoint.Hit("vhdx.log.written");
        if (status == BlockStatus.Ok)
        {
            status = _file.Flush();
        }

        if (status != BlockStatus.Ok)
        {
            return status;
        }

        _position += entryBytes;
        _sequenceNumber = sequenceNumber;
        if (!IsReferenced)
        {
            status = _headers.Update(header => header with { LogId = _logId });
            IsReferenced = status == BlockStatus.Ok;
        }

        CrashPoint.Hit("vhdx.log.durable");
        return status;
    }

    /// <summary>Takes the reference back; the caller has made all changes durable in place.</summary>
    public BlockStatus Close()
    {
        if (!IsReferenced)
        {
            return BlockStatus.Ok;
        }

        var status = _headers.Update(header => header with { LogId = Guid.Empty });
        IsReferenced = status != BlockStatus.Ok;
        return status;
    }
}
