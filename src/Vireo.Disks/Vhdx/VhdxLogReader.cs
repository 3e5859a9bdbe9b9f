using System.Buffers.Binary;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Finds the active sequence of a log: the valid run of entries with the highest sequence number. [MS-VHDX] 2.3.2 Log Sequence,
/// 2.3.3 Log Replay. The log is a ring; entries may lie across its end, be torn, or be leftovers of earlier rounds.
/// </summary>
internal sealed class VhdxLogReader
{
    // A ring of lying heads could make every sector start an entry as long as the ring. Honest logs are checksummed about once.
    private const int ChecksumRounds = 8;

    private readonly string _path;
    private readonly long _logOffset;
    private readonly byte[] _ring;
    private readonly Guid _logId;
    private readonly Dictionary<int, VhdxLogEntryHeader?> _known = [];
    private long _checksumBudget;

    private VhdxLogReader(string path, long logOffset, byte[] ring, Guid logId)
    {
        _path = path;
        _logOffset = logOffset;
        _ring = ring;
        _logId = logId;
        _checksumBudget = (long)ring.Length * ChecksumRounds;
    }

    /// <summary>Reads the log that <paramref name="header"/> names and returns its changes in order.</summary>
    /// <exception cref="ImageException">There is no valid sequence, the file was truncated, or a change goes where none may.</exception>
    public static VhdxReplay Read(IImageFile file, VhdxHeader header)
    {
        var ring = new byte[header.LogLengthBytes];
        var logOffset = (long)header.LogOffsetBytes;
        var status = file.Read(logOffset, ring);
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(file.Path, "read the log of", status);
        }

        var reader = new VhdxLogReader(file.Path, logOffset, ring, header.LogId);
        var sequence = reader.FindActiveSequence();
        if (sequence.Count == 0)
        {
            throw ImageException.Corrupt(
                file.Path, logOffset, $"the header says that the log {header.LogId} must be replayed, but the log holds no valid sequence of entries");
        }

        var head = sequence[^1].Header;
        if (head.FlushedFileBytes > file.LengthBytes)
        {
            throw ImageException.Corrupt(
                file.Path, logOffset + sequence[^1].Position, $"the file is {file.LengthBytes} bytes long, but was {head.FlushedFileBytes} when its log was written: it is truncated");
        }

        var replay = new VhdxReplay(Math.Max(file.LengthBytes, head.LastFileBytes));
        foreach (var (position, entry) in sequence)
        {
            reader.Collect(position, entry, replay);
        }

        return replay;
    }

    private List<(int Position, VhdxLogEntryHeader Header)> FindActiveSequence()
    {
        List<(int Position, VhdxLogEntryHeader Header)> active = [];
        var start = 0;
        while (start < _ring.Length)
        {
            var (run, lengthBytes) = ReadRun(start);
            if (run.Count > 0)
            {
                // The newest entry says where its sequence begins; older entries of the run are already in place.
                var tail = run.FindIndex(entry => entry.Position == run[^1].Header.TailBytes);
                if (tail >= 0 && (active.Count == 0 || run[^1].Header.SequenceNumber > active[^1].Header.SequenceNumber))
                {
                    active = run[tail..];
                }
            }

            start += Math.Max(lengthBytes, VhdxLogEntryHeader.SectorBytes);
        }

        return active;
    }

    private (List<(int Position, VhdxLogEntryHeader Header)> Run, int LengthBytes) ReadRun(int start)
    {
        List<(int Position, VhdxLogEntryHeader Header)> run = [];
        var lengthBytes = 0;
        while (ReadEntry((start + lengthBytes) % _ring.Length) is { } header
            && header.EntryLengthBytes <= _ring.Length - lengthBytes
            && (run.Count == 0 || header.SequenceNumber == run[^1].Header.SequenceNumber + 1))
        {
            run.Add(((start + lengthBytes) % _ring.Length, header));
            lengthBytes += header.EntryLengthBytes;
        }

        return (run, lengthBytes);
    }

    private VhdxLogEntryHeader? ReadEntry(int position)
    {
        if (!_known.TryGetValue(position, out var known))
        {
            known = CheckEntry(position);
            _known.Add(position, known);
        }

        return known;
    }

    private VhdxLogEntryHeader? CheckEntry(int position)
    {
        if (VhdxLogEntryHeader.TryRead(_ring.AsSpan(position), _logId, _ring.Length) is not { } header)
        {
            return null;
        }

        _checksumBudget -= header.EntryLengthBytes;
        if (_checksumBudget < 0)
        {
            throw ImageException.Corrupt(_path, _logOffset + position, "the log is full of entries that overlap each other");
        }

        var entry = Unroll(position, header.EntryLengthBytes);
        if (BinaryPrimitives.ReadUInt32LittleEndian(entry[VhdxLogEntryHeader.ChecksumOffset..])
            != Crc32C.ComputeWithout(entry, VhdxLogEntryHeader.ChecksumOffset))
        {
            return null;
        }

        var dataSectors = 0;
        var firstData = VhdxLogEntryHeader.DescriptorSectors(header.DescriptorCount);
        for (var i = 0; i < header.DescriptorCount; i++)
        {
            if (ReadDescriptor(entry, i, header.SequenceNumber) is not { } descriptor)
            {
                return null;
            }

            if (descriptor.IsZero)
            {
                continue;
            }

            var sector = (firstData + dataSectors) * VhdxLogEntryHeader.SectorBytes;
            if (sector >= entry.Length || !VhdxLogDataSector.IsValid(entry.Slice(sector, VhdxLogEntryHeader.SectorBytes), header.SequenceNumber))
            {
                return null;
            }

            dataSectors++;
        }

        return header;
    }

    private void Collect(int position, in VhdxLogEntryHeader header, VhdxReplay replay)
    {
        var entry = Unroll(position, header.EntryLengthBytes);
        var sector = VhdxLogEntryHeader.DescriptorSectors(header.DescriptorCount) * VhdxLogEntryHeader.SectorBytes;
        for (var i = 0; i < header.DescriptorCount; i++)
        {
            var descriptor = ReadDescriptor(entry, i, header.SequenceNumber)!.Value;
            CheckTarget(position, descriptor, replay);
            if (descriptor.IsZero)
            {
                if (!replay.TryAddZeros(descriptor.FileOffsetBytes, descriptor.ZeroLengthBytes))
                {
                    throw ImageException.Corrupt(_path, _logOffset + position, "the log has more runs of zeros than any program writes");
                }

                continue;
            }

            var page = new byte[VhdxLogEntryHeader.SectorBytes];
            VhdxLogDataSector.Unpack(entry.Slice(sector, VhdxLogEntryHeader.SectorBytes), descriptor, page);
            replay.AddPage(descriptor.FileOffsetBytes, page);
            sector += VhdxLogEntryHeader.SectorBytes;
        }
    }

    // A change of the headers or of the log itself would undo the very protection that the log gives.
    private void CheckTarget(int position, in VhdxLogDescriptor descriptor, VhdxReplay replay)
    {
        var start = descriptor.FileOffsetBytes;
        var end = start + descriptor.CoveredBytes;
        if (start < VhdxLimits.FirstRegionTableOffset || (start < _logOffset + _ring.Length && end > _logOffset) || end > replay.LengthBytes)
        {
            throw ImageException.Corrupt(
                _path, _logOffset + position, $"a log entry changes {start}+{descriptor.CoveredBytes}, which lies in the headers, in the log or behind the end of the file ({replay.LengthBytes})");
        }
    }

    private static VhdxLogDescriptor? ReadDescriptor(ReadOnlySpan<byte> entry, int index, ulong sequenceNumber) =>
        VhdxLogDescriptor.TryRead(entry.Slice(VhdxLogEntryHeader.LengthBytes + (index * VhdxLogDescriptor.LengthBytes), VhdxLogDescriptor.LengthBytes), sequenceNumber);

    private ReadOnlySpan<byte> Unroll(int position, int lengthBytes)
    {
        if (position <= _ring.Length - lengthBytes)
        {
            return _ring.AsSpan(position, lengthBytes);
        }

        var whole = new byte[lengthBytes];
        var first = _ring.Length - position;
        _ring.AsSpan(position).CopyTo(whole);
        _ring.AsSpan(0, lengthBytes - first).CopyTo(whole.AsSpan(first));
        return whole;
    }
}
