using Vireo.Disks.Files;
using Vireo.Platform.Testing;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Appends entries to the ring of an open file's log, without waiting for the disk. [MS-VHDX] 2.3.1 Log Entry. Not for several threads
/// at once; <see cref="VhdxMetadataLog"/> orders the calls.
/// </summary>
/// <remarks>
/// Places are counted in bytes appended since the session began; a place in the ring is that count modulo the ring's length. Always
/// <c>durable tail ≤ newest tail ≤ tail ≤ appended</c>: entries before the tail have their changes durable in place, but the ring is
/// overwritten only up to the tail that the newest durable entry names. So when an append is torn by a power cut, the sequence that ends
/// with that entry is still whole, and replaying it is right.
/// </remarks>
internal sealed class VhdxLogWriter
{
    /// <summary>Pages in one entry at most.</summary>
    public const int MaximumPages = 60;

    /// <summary>Length of the longest entry.</summary>
    public const int MaximumEntryBytes = (1 + MaximumPages) * PageBytes;

    private const int PageBytes = VhdxLogEntryHeader.SectorBytes;
    private const int MarkBytes = 2 * PageBytes;
    private readonly IImageFile _file;
    private readonly long _ringOffset;
    private readonly long _ringBytes;
    private readonly Guid _logId;
    private byte[] _entry = new byte[2 * PageBytes];
    private ulong _sequenceNumber;
    private long _tail;
    private long _durableTail;

    /// <summary>A log that has no entry in this session yet.</summary>
    public VhdxLogWriter(IImageFile file, VhdxHeader header, Guid logId)
    {
        Platform.Invariant.Check(VhdxLogEntryHeader.DescriptorSectors(MaximumPages) == 1);
        Platform.Invariant.Check(header.LogLengthBytes >= 4 * MaximumEntryBytes);
        _file = file;
        _ringOffset = (long)header.LogOffsetBytes;

        // A log is read as a whole when it must be replayed; of one that is larger than that is worth, only the beginning is used.
        _ringBytes = Math.Min(header.LogLengthBytes, VhdxLimits.MaximumLogBytes);
        _logId = logId;
    }

    /// <summary>Names the entries of this session.</summary>
    public Guid LogId => _logId;

    /// <summary>Length of the log, from now on.</summary>
    public long LengthBytes => _ringBytes;

    /// <summary>Whether it is time to make room.</summary>
    public bool IsHalfFull => Appended - _durableTail > _ringBytes / 2;

    /// <summary>Bytes appended since the session began: the place behind the newest entry.</summary>
    public long Appended { get; private set; }

    /// <summary>The tail that the newest entry names.</summary>
    public long NewestTail { get; private set; }

    /// <summary>Whether an entry of <paramref name="pages"/> pages can be appended and, behind it, one more of a single page.</summary>
    public bool HasRoom(int pages) => Appended + ((1 + pages) * PageBytes) + MarkBytes - _durableTail <= _ringBytes;

    /// <summary>Whether an entry of a single page can be appended.</summary>
    public bool HasRoomForMark => Appended + MarkBytes - _durableTail <= _ringBytes;

    /// <summary>Writes one entry. It is durable with the next flush of the file.</summary>
    /// <param name="change">The pages, at most <see cref="MaximumPages"/>.</param>
    /// <param name="durableFileBytes">Length of the file that is known to be durable.</param>
    /// <param name="fileBytes">Length the file has with the changes.</param>
    public BlockStatus Append(VhdxChange change, long durableFileBytes, long fileBytes)
    {
        Platform.Invariant.Check(change.Count is > 0 and <= MaximumPages);
        var entryBytes = (1 + change.Count) * PageBytes;
        Platform.Invariant.Check(Appended + entryBytes - _durableTail <= _ringBytes);
        if (_entry.Length < entryBytes)
        {
            _entry = new byte[Math.Min(2 * entryBytes, MaximumEntryBytes)];
        }

        var sequenceNumber = _sequenceNumber + 1;
        var entry = _entry.AsSpan(0, entryBytes);
        entry[..PageBytes].Clear();
        for (var i = 0; i < change.Count; i++)
        {
            var descriptor = VhdxLogDataSector.Pack(change.BytesOf(i), change.OffsetOf(i), sequenceNumber, entry.Slice((1 + i) * PageBytes, PageBytes));
            descriptor.WriteData(entry[(VhdxLogEntryHeader.LengthBytes + (i * VhdxLogDescriptor.LengthBytes))..], sequenceNumber);
        }

        new VhdxLogEntryHeader(
            entryBytes, (int)(_tail % _ringBytes), sequenceNumber, change.Count, _logId, RoundDown(durableFileBytes), RoundDown(fileBytes + VhdxLimits.Megabyte - 1)).WriteAndSeal(entry);
        var position = Appended % _ringBytes;
        var first = (int)Math.Min(entryBytes, _ringBytes - position);
        var status = _file.Write(_ringOffset + position, entry[..first]);
        if (status == BlockStatus.Ok && first < entryBytes)
        {
            status = _file.Write(_ringOffset, entry[first..]);
        }

        CrashPoint.Hit("vhdx.log.written");
        if (status == BlockStatus.Ok)
        {
            Appended += entryBytes;
            NewestTail = _tail;
            _sequenceNumber = sequenceNumber;
        }

        return status;
    }

    // 2.3.1.1: both lengths are multiples of 1 MB.
    private static long RoundDown(long lengthBytes) => lengthBytes / VhdxLimits.Megabyte * VhdxLimits.Megabyte;

    /// <summary>Notes that the changes of all entries before <paramref name="place"/> are durable in place: later entries need not carry them.</summary>
    public void Retire(long place) => _tail = Math.Max(_tail, place);

    /// <summary>Notes that an entry naming the tail <paramref name="newestTail"/> is durable: what lies before that tail may be overwritten.</summary>
    public void Release(long newestTail) => _durableTail = Math.Max(_durableTail, newestTail);
}
