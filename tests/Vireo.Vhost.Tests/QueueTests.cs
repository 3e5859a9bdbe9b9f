using Vireo.Testing.Vhost;
using Vireo.Vhost.Tests.Support;

namespace Vireo.Vhost.Tests;

/// <summary>A split virtqueue between a mock driver and an echo device, over a real socket and real shared memory.</summary>
public sealed class QueueTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(VirtioFeatures.EventIndex)]
    [InlineData(VirtioFeatures.IndirectDescriptors)]
    [InlineData(VirtioFeatures.EventIndex | VirtioFeatures.IndirectDescriptors)]
    public async Task BuffersComeBackWithTheirEcho(ulong features)
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect(features);
        using var queue = new MockQueue(fixture.Memory, 0, 16, (features & VirtioFeatures.EventIndex) != 0);
        frontEnd.Start(fixture.Memory, queue);
        var indirect = (features & VirtioFeatures.IndirectDescriptors) != 0;
        for (var round = 0; round < 300; round++)
        {
            var content = new byte[1 + (round % 50)];
            content.AsSpan().Fill((byte)round);
            var message = fixture.Message(content);
            var head = indirect ? queue.AddIndirect(message) : queue.Add(message);
            queue.Kick();
            var used = queue.WaitUsed();
            Assert.Equal(new MockUsed(head, (uint)content.Length), used);
            Assert.Equal(content, fixture.Memory.Span(message[1].GuestAddress, content.Length).ToArray());
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyBuffersPerKickWrapTheRingAndItsIndexes(bool eventIndex)
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect(eventIndex ? VirtioFeatures.EventIndex : 0);
        using var queue = new MockQueue(fixture.Memory, 1, 64, eventIndex);
        frontEnd.Start(fixture.Memory, queue);
        var message = fixture.Message([1, 2, 3]);
        var rounds = (ushort.MaxValue * 2 / 32) + 1;
        for (var round = 0; round < rounds; round++)
        {
            for (var i = 0; i < 32; i++)
            {
                queue.Add(message);
            }

            queue.Kick();
            for (var i = 0; i < 32; i++)
            {
                Assert.Equal(3u, queue.WaitUsed().WrittenBytes);
            }
        }
    }

    [Fact]
    public async Task BuffersMayBeGivenBackInAnotherOrder()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        frontEnd.Start(fixture.Memory, queue);
        fixture.Device.Hold = true;
        var heads = Enumerable.Range(0, 5).Select(_ => queue.Add(fixture.Message([9]))).ToArray();
        queue.Kick();
        await WaitFor(() => fixture.Device.Heads.Count == 5);
        await fixture.Reactor.InvokeAsync(() => fixture.Device.Release(reverse: true));
        Assert.Equal(heads.Reverse(), Enumerable.Range(0, 5).Select(_ => queue.WaitUsed().Head));
    }

    [Fact]
    public async Task ARewoundBufferIsTakenAgain()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        frontEnd.SetInflight(frontEnd.GetInflight(1, 16));
        fixture.Device.Rewinds = 3;
        frontEnd.Start(fixture.Memory, queue);
        var head = queue.Add(fixture.Message([9]));
        queue.Kick();
        Assert.Equal(new MockUsed(head, 1), queue.WaitUsed());
        Assert.Equal(1, frontEnd.Stop(queue));
    }

    [Fact]
    public async Task ADriverThatWantsNoCallsGetsNone()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        frontEnd.Start(fixture.Memory, queue);
        queue.Call.Drain();
        queue.WantCalls(false);
        queue.Add(fixture.Message([9]));
        queue.Kick();
        await WaitFor(() => queue.UsedIndex == 1);
        frontEnd.Stop(queue);
        Assert.False(queue.Call.Drain());
    }

    [Fact]
    public async Task ADeviceThatWantsNoKicksGetsNone()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        fixture.Device.QueueWithoutKicks = 0;
        frontEnd.Start(fixture.Memory, queue);
        await WaitFor(() => queue.KickWish == 1);
        queue.Add(fixture.Message([9]));
        queue.Kick();
        Assert.Equal(0, queue.Kicks);
    }

    [Fact]
    public async Task ABufferMayLieAcrossTwoRegions()
    {
        await using var fixture = await EchoFixture.CreateAsync(memory: new MockGuestMemory((0, 1 << 20), (1 << 20, 1 << 16)));
        using var frontEnd = fixture.Connect();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        frontEnd.Start(fixture.Memory, queue);
        const ulong border = 1 << 20;
        fixture.Memory.Span(border - 2, 2).Fill(1);
        fixture.Memory.Span(border, 3).Fill(2);
        var target = fixture.Memory.Allocate(5);
        queue.Add(new MockBuffer(border - 2, 5, false), new MockBuffer(target, 5, true));
        queue.Kick();
        queue.WaitUsed();
        Assert.Equal([1, 1, 2, 2, 2], fixture.Memory.Span(target, 5).ToArray());
    }

    [Fact]
    public async Task AnIdleQueueLeavesTheReactorAsleep()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        frontEnd.Start(fixture.Memory, queue);
        queue.Add(fixture.Message([9]));
        queue.Kick();
        queue.WaitUsed();

        // Asking for kicks again is the last thing the queue does before it sleeps.
        await WaitFor(() => queue.KickWish == 0);
        var before = await fixture.Reactor.InvokeAsync(() => fixture.Reactor.Sleeps);
        var after = await fixture.Reactor.InvokeAsync(() => fixture.Reactor.Sleeps);
        Assert.InRange(after - before, 0, 2);
    }

    internal static async Task WaitFor(Func<bool> condition)
    {
        var deadline = DateTime.UtcNow.AddSeconds(20);
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < deadline, "What the test waits for did not come about within 20 seconds.");
            await Task.Yield();
        }
    }
}
