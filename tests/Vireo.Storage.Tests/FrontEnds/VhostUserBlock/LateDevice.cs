using Vireo.Disks;

namespace Vireo.Storage.Tests.FrontEnds.VhostUserBlock;

/// <summary>A device that completes each request on another thread, in no order, as asynchronous I/O does.</summary>
internal sealed class LateDevice(IBlockDevice inner) : IBlockDevice
{
    public BlockGeometry Geometry => inner.Geometry;

    public BlockCapabilities Capabilities => inner.Capabilities;

    public async ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers)
    {
        await Task.Yield();
        return await inner.ReadAsync(offsetBytes, buffers);
    }

    public async ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        await Task.Yield();
        return await inner.WriteAsync(offsetBytes, buffers, options);
    }

    public async ValueTask<BlockStatus> FlushAsync()
    {
        await Task.Yield();
        return await inner.FlushAsync();
    }

    public async ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes)
    {
        await Task.Yield();
        return await inner.TrimAsync(offsetBytes, lengthBytes);
    }

    public async ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        await Task.Yield();
        return await inner.WriteZeroesAsync(offsetBytes, lengthBytes, options);
    }

    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) =>
        inner.MapExtentsAsync(offsetBytes, lengthBytes, extents);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
