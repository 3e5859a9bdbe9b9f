using System.Runtime.CompilerServices;
using Vireo.Disks;

namespace Vireo.Storage.Stacks;

/// <summary>
/// A disk as front ends see it: an image at the bottom, layers above it in order, a boundary between any two. Layers are spliced in and
/// out while requests run: the stack waits until those inside have left, exchanges one pointer, and lets the others, which waited that
/// instant, go on. Between splices a request takes no lock and allocates nothing of its own.
/// </summary>
/// <remarks>
/// Safe to use from any thread. A call may complete later and on another thread, for example while a splice is under way; a reactor must
/// not block on it. The stack owns the image and its layers and disposes them.
/// </remarks>
public sealed class DiskStack : IBlockDevice
{
    private volatile IBlockDevice _image;
    private volatile string _imageName;
    private readonly Action<LayerViolation> _report;
    private readonly RequestGate _gate = new();
    private readonly SemaphoreSlim _splicing = new(1, 1);
    private volatile ILayer[] _layers = [];
    private volatile Boundary _top;
    private volatile bool _closed;
    private bool _disposed;

    /// <summary>A stack over an image.</summary>
    /// <param name="image">The bottom; owned by the stack from now on.</param>
    /// <param name="imageName">Its name in messages: the path.</param>
    /// <param name="report">Told of every rule that a layer breaks; must not throw.</param>
    /// <param name="layers">Layers from the image upwards that are there from the beginning: the only ones that may change size or sectors.</param>
    public DiskStack(IBlockDevice image, string imageName, Action<LayerViolation> report, params ILayer[] layers)
    {
        _image = image;
        _imageName = imageName;
        _report = report;
        _layers = layers;
        _top = Connect(layers);
        Geometry = _top.Geometry;
    }

    /// <inheritdoc/>
    public BlockGeometry Geometry { get; }

    /// <summary>What the whole stack can do now. A front end reads it when a client connects; a splice that would take away what is announced here is refused.</summary>
    public BlockCapabilities Capabilities => _top.Capabilities;

    /// <summary>The layers from the image upwards.</summary>
    public IReadOnlyList<ILayer> Layers => _layers;

    /// <summary>Splices <paramref name="layer"/> in at <paramref name="position"/>, counted from the image (0) upwards; -1 is the top. The stack owns it when the call succeeds.</summary>
    /// <exception cref="ArgumentException">A layer of that name is there, the position does not exist, or the stack would lose size, sectors or a capability.</exception>
    /// <exception cref="ObjectDisposedException">The stack is closed.</exception>
    public async Task InsertAsync(ILayer layer, int position = -1)
    {
        await _splicing.WaitAsync().ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            var layers = new List<ILayer>(_layers);
            if (layers.Exists(other => string.Equals(other.Name, layer.Name, StringComparison.Ordinal)))
            {
                throw new ArgumentException($"The disk '{_imageName}' already has a layer named '{layer.Name}'; remove it first or choose another name.", nameof(layer));
            }

            if (position < -1 || position > layers.Count)
            {
                throw new ArgumentException($"The disk '{_imageName}' has {layers.Count} layers; position {position} does not exist.", nameof(position));
            }

            layers.Insert(position < 0 ? layers.Count : position, layer);
            await SpliceAsync([.. layers]).ConfigureAwait(false);
        }
        finally
        {
            _splicing.Release();
        }
    }

    /// <summary>Splices the layer called <paramref name="name"/> out and disposes it; false when there is none.</summary>
    /// <exception cref="ObjectDisposedException">The stack is closed.</exception>
    public async Task<bool> RemoveAsync(string name)
    {
        ILayer? layer;
        await _splicing.WaitAsync().ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            layer = Array.Find(_layers, other => string.Equals(other.Name, name, StringComparison.Ordinal));
            if (layer is null)
            {
                return false;
            }

            await SpliceAsync(Array.FindAll(_layers, other => other != layer)).ConfigureAwait(false);
        }
        finally
        {
            _splicing.Release();
        }

        await layer.DisposeAsync().ConfigureAwait(false);
        return true;
    }

    /// <summary>
    /// Exchanges the image while requests run, and takes the layer called <paramref name="without"/> out in the same instant. Returns the old
    /// image, which is the caller's from now on; that layer is disposed.
    /// </summary>
    /// <param name="image">The new bottom: as large as the old one and with the same logical sectors.</param>
    /// <param name="imageName">Its name in messages.</param>
    /// <param name="commit">Run while no request is inside, before the exchange. When it throws, everything stays as it was.</param>
    /// <param name="without">A layer that did its work, or null.</param>
    /// <param name="beneath">Layers that come with the image, right above it and under all others; the stack owns them when the call succeeds.</param>
    /// <exception cref="ArgumentException">The stack would lose size, sectors or a capability.</exception>
    /// <exception cref="ObjectDisposedException">The stack is closed.</exception>
    public async Task<IBlockDevice> ReplaceImageAsync(IBlockDevice image, string imageName, Func<ValueTask> commit, string? without = null, params ILayer[] beneath)
    {
        IBlockDevice oldImage;
        ILayer? layer;
        await _splicing.WaitAsync().ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            oldImage = _image;
            var oldName = _imageName;
            layer = without is null ? null : Array.Find(_layers, other => string.Equals(other.Name, without, StringComparison.Ordinal));
            (_image, _imageName) = (image, imageName);
            await SpliceAsync([.. beneath, .. Array.FindAll(_layers, other => other != layer)], commit, () => (_image, _imageName) = (oldImage, oldName)).ConfigureAwait(false);
        }
        finally
        {
            _splicing.Release();
        }

        if (layer is not null)
        {
            await layer.DisposeAsync().ConfigureAwait(false);
        }

        return oldImage;
    }

    /// <summary>Runs <paramref name="action"/> while no request is inside; those that come wait. The stack itself stays as it is.</summary>
    /// <exception cref="ObjectDisposedException">The stack is closed.</exception>
    public async Task RunQuietAsync(Func<ValueTask> action)
    {
        await _splicing.WaitAsync().ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            await SpliceAsync(_layers, action).ConfigureAwait(false);
        }
        finally
        {
            _splicing.Release();
        }
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers)
    {
        if (!_gate.TryEnter(out var lane))
        {
            return WaitAndReadAsync(offsetBytes, buffers);
        }

        return Finish(_top.ReadAsync(offsetBytes, buffers), lane);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        if (!_gate.TryEnter(out var lane))
        {
            return WaitAndWriteAsync(offsetBytes, buffers, options);
        }

        return Finish(_top.WriteAsync(offsetBytes, buffers, options), lane);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync()
    {
        if (!_gate.TryEnter(out var lane))
        {
            return WaitAndFlushAsync();
        }

        return Finish(_top.FlushAsync(), lane);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes)
    {
        if (!_gate.TryEnter(out var lane))
        {
            return WaitAndTrimAsync(offsetBytes, lengthBytes);
        }

        return Finish(_top.TrimAsync(offsetBytes, lengthBytes), lane);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        if (!_gate.TryEnter(out var lane))
        {
            return WaitAndWriteZeroesAsync(offsetBytes, lengthBytes, options);
        }

        return Finish(_top.WriteZeroesAsync(offsetBytes, lengthBytes, options), lane);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        if (!_gate.TryEnter(out var lane))
        {
            return WaitAndMapExtentsAsync(offsetBytes, lengthBytes, extents);
        }

        return Finish(_top.MapExtentsAsync(offsetBytes, lengthBytes, extents), lane);
    }

    /// <summary>
    /// Answers requests with <see cref="BlockStatus.Closed"/> from one moment on, in which none is inside; layers and image stay until disposal.
    /// </summary>
    /// <param name="last">Run in that moment. When it throws, everything stays as it was.</param>
    /// <exception cref="ObjectDisposedException">The stack is closed.</exception>
    public async Task CloseAsync(Func<ValueTask> last)
    {
        await _splicing.WaitAsync().ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            await SpliceAsync(_layers, async () =>
            {
                await last().ConfigureAwait(false);
                _closed = true;
            }).ConfigureAwait(false);
        }
        finally
        {
            _splicing.Release();
        }
    }

    /// <summary>Lets the requests inside finish, answers later ones with <see cref="BlockStatus.Closed"/>, and disposes layers (from the top) and image.</summary>
    public async ValueTask DisposeAsync()
    {
        await _splicing.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            if (!_closed)
            {
                await DrainAsync().ConfigureAwait(false);
                Close();
            }
        }
        finally
        {
            _splicing.Release();
        }

        foreach (var layer in _layers.Reverse())
        {
            await layer.DisposeAsync().ConfigureAwait(false);
        }

        await _image.DisposeAsync().ConfigureAwait(false);
    }

    private async Task SpliceAsync(ILayer[] layers, Func<ValueTask>? commit = null, Action? undo = null)
    {
        try
        {
            await DrainAsync().ConfigureAwait(false);
            var top = Connect(layers);
            if (top.Geometry.SizeBytes != Geometry.SizeBytes || top.Geometry.LogicalSectorBytes != Geometry.LogicalSectorBytes || Loses(_top.Capabilities, top.Capabilities))
            {
                throw new ArgumentException(
                    $"The disk '{_imageName}' would change from {Geometry}, {_top.Capabilities} to {top.Geometry}, {top.Capabilities} under a running front end; close the disk first.");
            }

            if (commit is not null)
            {
                await commit().ConfigureAwait(false);
            }

            _layers = layers;
            _top = _closed ? Closed() : top;
        }
        catch
        {
            undo?.Invoke();
            Connect(_layers);
            throw;
        }
        finally
        {
            _gate.Open();
        }
    }

    private Boundary Closed() => new(new ClosedDevice(Geometry, Capabilities), _imageName, aboveName: null, _report);

    private void Close()
    {
        _closed = true;
        _top = Closed();
        _gate.Open();
    }

    // Layers first let go what they hold back, or those requests would never leave.
    private async Task DrainAsync()
    {
        var drained = _gate.CloseAsync();
        await Task.WhenAll(_layers.Select(layer => layer.QuiesceAsync().AsTask())).ConfigureAwait(false);
        await drained.ConfigureAwait(false);
    }

    private Boundary Connect(ILayer[] layers)
    {
        IBlockDevice device = _image;
        var name = _imageName;
        foreach (var layer in layers)
        {
            layer.Attach(new Boundary(device, name, layer.Name, _report));
            device = layer;
            name = layer.Name;
        }

        return new Boundary(device, name, aboveName: null, _report);
    }

    private static bool Loses(BlockCapabilities before, BlockCapabilities after) =>
        (after.ReadOnly && !before.ReadOnly)
        || (after.Trim == Capability.None && before.Trim != Capability.None)
        || (after.WriteZeroes == Capability.None && before.WriteZeroes != Capability.None)
        || (after.MapExtents == Capability.None && before.MapExtents != Capability.None);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ValueTask<BlockStatus> Finish(ValueTask<BlockStatus> request, int lane)
    {
        if (!request.IsCompletedSuccessfully)
        {
            return FinishLaterAsync(request, lane);
        }

        _gate.Leave(lane);
        return request;
    }

    // The boundary lets no exception out, so the lane is always left.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> FinishLaterAsync(ValueTask<BlockStatus> request, int lane)
    {
        var status = await request.ConfigureAwait(false);
        _gate.Leave(lane);
        return status;
    }

    private async ValueTask<BlockStatus> WaitAndReadAsync(long offsetBytes, IoVector buffers)
    {
        await _gate.WaitForOpenAsync().ConfigureAwait(false);
        return await ReadAsync(offsetBytes, buffers).ConfigureAwait(false);
    }

    private async ValueTask<BlockStatus> WaitAndWriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        await _gate.WaitForOpenAsync().ConfigureAwait(false);
        return await WriteAsync(offsetBytes, buffers, options).ConfigureAwait(false);
    }

    private async ValueTask<BlockStatus> WaitAndFlushAsync()
    {
        await _gate.WaitForOpenAsync().ConfigureAwait(false);
        return await FlushAsync().ConfigureAwait(false);
    }

    private async ValueTask<BlockStatus> WaitAndTrimAsync(long offsetBytes, long lengthBytes)
    {
        await _gate.WaitForOpenAsync().ConfigureAwait(false);
        return await TrimAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
    }

    private async ValueTask<BlockStatus> WaitAndWriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        await _gate.WaitForOpenAsync().ConfigureAwait(false);
        return await WriteZeroesAsync(offsetBytes, lengthBytes, options).ConfigureAwait(false);
    }

    private async ValueTask<BlockStatus> WaitAndMapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        await _gate.WaitForOpenAsync().ConfigureAwait(false);
        return await MapExtentsAsync(offsetBytes, lengthBytes, extents).ConfigureAwait(false);
    }
}
