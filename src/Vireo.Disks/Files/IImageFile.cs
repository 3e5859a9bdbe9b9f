namespace Vireo.Disks.Files;

/// <summary>
/// The bytes of an image file: the seam between the formats and the system. The product uses <see cref="SystemImageFile"/>; tests put
/// a disk here that cuts the power. Calls may come from several threads at once; none throws.
/// </summary>
/// <remarks>What was written becomes durable with the next <see cref="Flush"/> and may, before it, reach the disk in any order or in parts.</remarks>
public interface IImageFile : IDisposable
{
    /// <summary>For messages.</summary>
    string Path { get; }

    /// <summary>Whether writing is refused.</summary>
    bool IsReadOnly { get; }

    /// <summary>
    /// Whether a synchronous call may wait for a disk, so that no reactor makes one. Reads and writes of data never hold a reactor up.
    /// </summary>
    bool MayWait => false;

    /// <summary>Bytes of a sector when this is a block device; 0 for a file.</summary>
    int DeviceSectorBytes => 0;

    /// <summary>Length in bytes now.</summary>
    long LengthBytes { get; }

    /// <summary>Reads structures. Bytes behind the end of the file are zeros.</summary>
    BlockStatus Read(long offsetBytes, Span<byte> target);

    /// <summary>Writes structures; extends the file when needed.</summary>
    BlockStatus Write(long offsetBytes, ReadOnlySpan<byte> source);

    /// <summary>Reads <paramref name="lengthBytes"/> bytes into the part of <paramref name="buffers"/> that begins at <paramref name="start"/>. Bytes behind the end of the file are zeros.</summary>
    ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes);

    /// <summary>Writes <paramref name="lengthBytes"/> bytes from the part of <paramref name="buffers"/> that begins at <paramref name="start"/>.</summary>
    ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes);

    /// <summary>Makes everything written and the length durable.</summary>
    BlockStatus Flush();

    /// <summary>Sets the length; new bytes are zeros.</summary>
    BlockStatus SetLength(long lengthBytes);

    /// <summary>Reserves storage for a range, extending the file when needed.</summary>
    BlockStatus Reserve(long offsetBytes, long lengthBytes);

    /// <summary>Makes a range inside the file zeros and, where the file system can, gives its storage back.</summary>
    BlockStatus Discard(long offsetBytes, long lengthBytes);

    /// <summary>Makes a range inside the file zeros and keeps its storage.</summary>
    BlockStatus Zero(long offsetBytes, long lengthBytes);

    /// <summary>Length, at most <paramref name="lengthBytes"/>, of the run of holes or of data that begins at <paramref name="offsetBytes"/>.</summary>
    long MeasureRun(long offsetBytes, long lengthBytes, out bool isHole);
}
