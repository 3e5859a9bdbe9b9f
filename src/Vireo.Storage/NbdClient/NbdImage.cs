using Vireo.Disks;

namespace Vireo.Storage.NbdClient;

/// <summary>An export of an NBD server where an image is expected: the bottom of a stack, or the target of a mirror. Its path is the URI.</summary>
/// <param name="uri">The URI.</param>
/// <param name="device">The export; owned.</param>
public sealed class NbdImage(string uri, NbdClientDevice device) : IDiskImage
{
    /// <inheritdoc/>
    public string Path => uri;

    /// <inheritdoc/>
    public BlockGeometry Geometry => device.Geometry;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => device.Capabilities;

    /// <summary>The connection.</summary>
    public NbdClientDevice Device => device;

    /// <inheritdoc/>
    public ImageProperties Properties => new(DiskFormat.Raw, DiskKind.Fixed, Geometry, 0, Geometry.SizeBytes, Guid.Empty, null);

    /// <inheritdoc/>
    public Guid Identity => Guid.Empty;

    /// <inheritdoc/>
    public ParentReference? ParentReference => null;

    /// <inheritdoc/>
    public IDiskImage? Parent { get; set; }

    /// <inheritdoc/>
    public IImageMaintenance? Maintenance => null;

    /// <summary>Connects to the server that <paramref name="uri"/> names.</summary>
    /// <exception cref="ImageException">The URI is none, or the server cannot be reached, is refused or refuses.</exception>
    public static async Task<NbdImage> OpenAsync(string uri, NbdClientOptions options, TimeProvider time, CancellationToken cancellationToken = default)
    {
        try
        {
            return new NbdImage(uri, await NbdClientDevice.ConnectAsync(NbdAddress.Parse(uri), options, time, cancellationToken).ConfigureAwait(false));
        }
        catch (FormatException exception)
        {
            throw new ImageException(ImageErrorKind.InvalidParameter, uri, exception.Message + ".", exception);
        }
        catch (IOException exception)
        {
            throw new ImageException(ImageErrorKind.IoError, uri, exception.Message, exception);
        }
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) => device.ReadAsync(offsetBytes, buffers);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) => device.WriteAsync(offsetBytes, buffers, options);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync() => device.FlushAsync();

    /// <inheritdoc/>
    public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) => device.TrimAsync(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options) => device.WriteZeroesAsync(offsetBytes, lengthBytes, options);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) => device.MapExtentsAsync(offsetBytes, lengthBytes, extents);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapOwnExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) =>
        device.MapExtentsAsync(offsetBytes, lengthBytes, extents);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => device.DisposeAsync();
}
