using Vireo.Disks;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Tests.Stacks;

public sealed class BoundaryTests
{
    private readonly List<LayerViolation> _violations = [];

    [Theory]
    [InlineData(-512, 512)]
    [InlineData(1 << 20, 512)]
    [InlineData((1 << 20) - 512, 1024)]
    [InlineData(100, 512)]
    [InlineData(0, 511)]
    [InlineData(long.MaxValue - 511, 512)]
    public async Task RequestOutsideTheDisk_IsRefusedAndBlamesNobody(long offset, int length)
    {
        await using var stack = NewStack();
        using var buffer = new TestBuffer(length);
        Assert.Equal(BlockStatus.OutOfRange, await stack.ReadAsync(offset, buffer.Vector));
        Assert.Equal(BlockStatus.OutOfRange, await stack.WriteAsync(offset, buffer.Vector, WriteOptions.None));
        Assert.Equal(BlockStatus.OutOfRange, await stack.TrimAsync(offset, length));
        Assert.Equal(BlockStatus.OutOfRange, await stack.WriteZeroesAsync(offset, length, WriteOptions.None));
        Assert.Equal(BlockStatus.OutOfRange, await stack.MapExtentsAsync(offset, length, []));
        Assert.Empty(_violations);
    }

    [Fact]
    public async Task LayerThatAsksOutsideTheDisk_IsNamed()
    {
        await using var stack = NewStack();
        await stack.InsertAsync(new RuleBreaker("shift") { OnRead = (below, offset, buffers) => below.ReadAsync(offset + (1 << 20), buffers) });
        using var buffer = new TestBuffer(512);
        Assert.Equal(BlockStatus.OutOfRange, await stack.ReadAsync(0, buffer.Vector));
        Assert.Equal("shift", Assert.Single(_violations).Layer);
    }

    [Fact]
    public async Task LayerThatThrows_IsNamedAndTheRequestFails()
    {
        await using var stack = NewStack();
        await stack.InsertAsync(new RuleBreaker("now") { OnRead = (_, _, _) => throw new InvalidOperationException("boom") });
        using var buffer = new TestBuffer(512);
        Assert.Equal(BlockStatus.IoError, await stack.ReadAsync(0, buffer.Vector));
        Assert.True(await stack.RemoveAsync("now"));

        await stack.InsertAsync(new RuleBreaker("later")
        {
            OnRead = async (_, _, _) =>
            {
                await Task.Yield();
                throw new InvalidOperationException("boom");
            },
        });
        Assert.Equal(BlockStatus.IoError, await stack.ReadAsync(0, buffer.Vector));
        Assert.Equal(["now", "later"], _violations.ConvertAll(violation => violation.Layer));
    }

    [Fact]
    public async Task LayerThatAnswersWithoutACode_IsNamed()
    {
        await using var stack = NewStack();
        await stack.InsertAsync(new RuleBreaker("odd") { OnRead = (_, _, _) => new((BlockStatus)99) });
        using var buffer = new TestBuffer(512);
        Assert.Equal(BlockStatus.IoError, await stack.ReadAsync(0, buffer.Vector));
        Assert.Equal("odd", Assert.Single(_violations).Layer);
    }

    [Fact]
    public async Task ZeroesAreEmulatedWhereTheDeviceHasNone()
    {
        await using var stack = new DiskStack(
            new RuleBreaker("plain") { CapabilityOverride = new(false, Capability.None, Capability.None, Capability.None), SizeOverride = new(4 << 20, 512, 4096) }.On(
                new MemoryBlockDevice(4 << 20)),
            "plain",
            _violations.Add);
        Assert.Equal(Capability.Emulated, stack.Capabilities.WriteZeroes);
        using var ones = new TestBuffer(4 << 20);
        ones.Span.Fill(1);
        Assert.Equal(BlockStatus.Ok, await stack.WriteAsync(0, ones.Vector, WriteOptions.None));
        Assert.Equal(BlockStatus.Ok, await stack.WriteZeroesAsync(512, (3 << 20) + 1024, WriteOptions.None));
        Assert.Equal(BlockStatus.Ok, await stack.ReadAsync(0, ones.Vector));
        Assert.Equal(-1, ones.Span[..512].IndexOfAnyExcept((byte)1));
        Assert.Equal(-1, ones.Span.Slice(512, (3 << 20) + 1024).IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, ones.Span[((3 << 20) + 1536)..].IndexOfAnyExcept((byte)1));
        Assert.Equal(BlockStatus.Unsupported, await stack.TrimAsync(0, 512));
    }

    [Fact]
    public async Task LayerThatChangesTheSizeOrTakesACapability_IsRefusedAndTheStackWorksOn()
    {
        await using var stack = NewStack();
        await Assert.ThrowsAsync<ArgumentException>(() => stack.InsertAsync(new RuleBreaker("small") { SizeOverride = new(512, 512, 512) }));
        await Assert.ThrowsAsync<ArgumentException>(
            () => stack.InsertAsync(new RuleBreaker("mute") { CapabilityOverride = new(false, Capability.None, Capability.None, Capability.None) }));
        Assert.Empty(stack.Layers);
        using var buffer = new TestBuffer(512);
        Assert.Equal(BlockStatus.Ok, await stack.ReadAsync(0, buffer.Vector));
    }

    private DiskStack NewStack() => new(new MemoryBlockDevice(1 << 20), "memory", _violations.Add);
}

internal static class RuleBreakerExtensions
{
    public static RuleBreaker On(this RuleBreaker layer, IBlockDevice below)
    {
        layer.Attach(below);
        return layer;
    }
}
