using Vireo.Disks.Files;

namespace Vireo.Disks.Operations;

/// <summary>A file that outlives the image over it: a new file is made, filled as an image, and then gets its name.</summary>
internal sealed class KeptFile(IImageFile file) : IImageFile
{
    /// <summary>The file.</summary>
    public IImageFile Inner => file;

    /// <inheritdoc/>
    public string Path => file.Path;

    /// <inheritdoc/>
    public bool IsReadOnly => file.IsReadOnly;

    /// <inheritdoc/>
    public bool MayWait => file.MayWait;

    /// <inheritdoc/>
    public long LengthBytes => file.LengthBytes;

    /// <inheritdoc/>
    public BlockStatus Read(long offsetBytes, Span<byte> target) => file.Read(offsetBytes, target);

    /// <inheritdoc/>
    public BlockStatus Write(long offsetBytes, ReadOnlySpan<byte> source) => file.Write(offsetBytes, source);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes) => file.ReadAsync(offsetBytes, buffers, start, lengthBytes);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes) => file.WriteAsync(offsetBytes, buffers, start, lengthBytes);

    /// <inheritdoc/>
    public BlockStatus Flush() => file.Flush();

    /// <inheritdoc/>
    public BlockStatus SetLength(long lengthBytes) => file.SetLength(lengthBytes);

    /// <inheritdoc/>
    public BlockStatus Reserve(long offsetBytes, long lengthBytes) => file.Reserve(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public BlockStatus Discard(long offsetBytes, long lengthBytes) => file.Discard(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public BlockStatus Zero(long offsetBytes, long lengthBytes) => file.Zero(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public long MeasureRun(long offsetBytes, long lengthBytes, out bool isHole) => file.MeasureRun(offsetBytes, lengthBytes, out isHole);

    /// <inheritdoc/>
    public void Dispose()
    {
        // Whoever made the file disposes it.
    }
}
