using Vireo.Disks;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Tests.Stacks;

public sealed class SpliceTests
{
    [Fact]
    public async Task Splice_WaitsForTheRequestsInside_AndHoldsLaterOnesBack()
    {
        var release = new TaskCompletionSource();
        await using var stack = new DiskStack(new MemoryBlockDevice(1 << 20), "memory", _ => { });
        await stack.InsertAsync(new RuleBreaker("slow")
        {
            OnRead = async (below, offset, buffers) =>
            {
                await release.Task;
                return await below.ReadAsync(offset, buffers);
            },
        });
        using var first = new TestBuffer(512);
        using var second = new TestBuffer(512);
        var inside = stack.ReadAsync(0, first.Vector).AsTask();
        var splice = stack.RemoveAsync("slow");
        var waiting = stack.ReadAsync(0, second.Vector).AsTask();
        Assert.False(inside.IsCompleted);
        Assert.False(splice.IsCompleted);
        Assert.False(waiting.IsCompleted);
        release.SetResult();
        Assert.Equal(BlockStatus.Ok, await inside);
        Assert.True(await splice);
        Assert.Equal(BlockStatus.Ok, await waiting);
    }

    [Fact]
    public async Task DisposedStack_AnswersClosed_AndDisposesItsLayers()
    {
        var layer = new RuleBreaker("layer");
        var stack = new DiskStack(new MemoryBlockDevice(1 << 20), "memory", _ => { });
        await stack.InsertAsync(layer);
        await stack.DisposeAsync();
        await stack.DisposeAsync();
        using var buffer = new TestBuffer(512);
        Assert.Equal(BlockStatus.Closed, await stack.ReadAsync(0, buffer.Vector));
        Assert.Equal(BlockStatus.Closed, await stack.FlushAsync());
        Assert.True(layer.Disposed);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => stack.InsertAsync(new RuleBreaker("late")));
    }

    [Fact]
    public async Task LayersKeepTheirOrder_AndNamesAreUnique()
    {
        await using var stack = new DiskStack(new MemoryBlockDevice(1 << 20), "memory", _ => { });
        await stack.InsertAsync(new RuleBreaker("b"));
        await stack.InsertAsync(new RuleBreaker("a"), 0);
        await stack.InsertAsync(new RuleBreaker("c"));
        Assert.Equal(["a", "b", "c"], stack.Layers.Select(layer => layer.Name));
        await Assert.ThrowsAsync<ArgumentException>(() => stack.InsertAsync(new RuleBreaker("b")));
        await Assert.ThrowsAsync<ArgumentException>(() => stack.InsertAsync(new RuleBreaker("d"), 9));
        Assert.False(await stack.RemoveAsync("d"));
        Assert.True(await stack.RemoveAsync("b"));
        Assert.Equal(["a", "c"], stack.Layers.Select(layer => layer.Name));
    }
}
