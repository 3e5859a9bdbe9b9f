using Vireo.Disks.Files;
using Vireo.Platform.Testing;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Both headers of an open file. An update goes to the one that is not current, with the next sequence number, so that a power cut
/// leaves the old header or the new one. [MS-VHDX] 2.2.2.1 Updating the Headers.
/// </summary>
internal sealed class VhdxHeaderPair
{
    private readonly IImageFile _file;
    private readonly Lock _updating = new();
    private bool _firstIsCurrent;

    private VhdxHeaderPair(IImageFile file, VhdxHeader current, bool firstIsCurrent)
    {
        _file = file;
        Current = current;
        _firstIsCurrent = firstIsCurrent;
    }

    /// <summary>The header in force.</summary>
    public VhdxHeader Current { get; private set; }

    /// <summary>Reads both and checks the current one.</summary>
    /// <exception cref="ImageException">No valid header, or one with fields that the format does not allow.</exception>
    public static VhdxHeaderPair Read(IImageFile file)
    {
        var first = ReadOne(file, VhdxLimits.FirstHeaderOffset);
        var second = ReadOne(file, VhdxLimits.SecondHeaderOffset);
        if (first is null && second is null)
        {
            throw ImageException.Corrupt(file.Path, VhdxLimits.FirstHeaderOffset, "neither of the two headers has a valid signature and checksum");
        }

        // Equal numbers are allowed only for equal headers: some tools write both alike.
        if (first is not null && second is not null && first.SequenceNumber == second.SequenceNumber && first != second)
        {
            throw ImageException.Corrupt(
                file.Path, VhdxLimits.FirstHeaderOffset, $"two different headers claim the same sequence number {first.SequenceNumber}, so neither is current");
        }

        var firstIsCurrent = second is null || (first is not null && first.SequenceNumber >= second.SequenceNumber);
        var current = firstIsCurrent ? first! : second!;
        Check(file, current, firstIsCurrent ? VhdxLimits.FirstHeaderOffset : VhdxLimits.SecondHeaderOffset);
        return new VhdxHeaderPair(file, current, firstIsCurrent);
    }

    /// <summary>
    /// Makes the changed header current, durably, after everything that was written before; then the other one too, so that the file opens
    /// as it is also when one of them is damaged. The sequence numbers are filled in here.
    /// </summary>
    public BlockStatus Update(Func<VhdxHeader, VhdxHeader> change)
    {
        lock (_updating)
        {
            var next = change(Current);
            var status = UpdateLocked(next with { SequenceNumber = Current.SequenceNumber + 1 });
            return status == BlockStatus.Ok ? UpdateLocked(next with { SequenceNumber = Current.SequenceNumber + 1 }) : status;
        }
    }

    private BlockStatus UpdateLocked(VhdxHeader next)
    {
        Span<byte> buffer = stackalloc byte[VhdxHeader.LengthBytes];
        next.Write(buffer);

        // Everything the new header speaks of must be there before it is.
        var status = _file.Flush();
        if (status == BlockStatus.Ok)
        {
            status = _file.Write(_firstIsCurrent ? VhdxLimits.SecondHeaderOffset : VhdxLimits.FirstHeaderOffset, buffer);
        }

        CrashPoint.Hit("vhdx.header.written");
        if (status == BlockStatus.Ok)
        {
            status = _file.Flush();
        }

        if (status == BlockStatus.Ok)
        {
            Current = next;
            _firstIsCurrent = !_firstIsCurrent;
        }

        return status;
    }

    private static VhdxHeader? ReadOne(IImageFile file, long offsetBytes)
    {
        Span<byte> buffer = stackalloc byte[VhdxHeader.LengthBytes];
        var status = file.Read(offsetBytes, buffer);
        return status == BlockStatus.Ok ? VhdxHeader.TryRead(buffer) : throw ImageException.Failed(file.Path, "read the headers of", status);
    }

    private static void Check(IImageFile file, VhdxHeader header, long offsetBytes)
    {
        if (header.Version != 1)
        {
            throw new ImageException(ImageErrorKind.Unsupported, file.Path, $"The image '{file.Path}' has VHDX version {header.Version}; version 1 is supported.");
        }

        if (header.LogId != Guid.Empty && header.LogVersion != 0)
        {
            throw new ImageException(
                ImageErrorKind.Unsupported, file.Path, $"The image '{file.Path}' has a log of version {header.LogVersion} that must be replayed; version 0 is supported.");
        }

        if (header.LogOffsetBytes % VhdxLimits.Megabyte != 0 || header.LogOffsetBytes < VhdxLimits.Megabyte
            || header.LogLengthBytes % VhdxLimits.Megabyte != 0 || header.LogLengthBytes == 0)
        {
            throw ImageException.Corrupt(
                file.Path, offsetBytes, $"the header places the log at {header.LogOffsetBytes}+{header.LogLengthBytes}, which must be positive multiples of 1048576");
        }

        if (header.LogId != Guid.Empty && header.LogLengthBytes > VhdxLimits.MaximumLogBytes)
        {
            throw new ImageException(
                ImageErrorKind.Unsupported, file.Path, $"The image '{file.Path}' has a log of {header.LogLengthBytes} bytes that must be replayed; up to {VhdxLimits.MaximumLogBytes} are supported.");
        }

        if (header.LogOffsetBytes > (ulong)(VhdxLimits.MaximumFileBytes - header.LogLengthBytes))
        {
            throw ImageException.Corrupt(file.Path, offsetBytes, $"the header places the log at {header.LogOffsetBytes}, behind the end of any VHDX file");
        }
    }
}
