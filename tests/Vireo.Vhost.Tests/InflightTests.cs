using System.Buffers.Binary;
using Vireo.Platform;
using Vireo.Platform.Memory;
using Vireo.Testing.Vhost;
using Vireo.Vhost.Tests.Support;

namespace Vireo.Vhost.Tests;

/// <summary>
/// vhost-user "Inflight I/O tracking": a back end that dies leaves its requests to the next one. Here the dead one is a device that never
/// completes; the next is another back end with the same guest memory and inflight region.
/// </summary>
public sealed class InflightTests
{
    [Fact]
    public async Task RequestsOfADeadBackEndAreDoneAgainInTheirOrder()
    {
        await using var dead = await EchoFixture.CreateAsync();
        await using var next = await EchoFixture.CreateAsync(memory: dead.Memory);
        using var queue = new MockQueue(dead.Memory, 0, 16);
        using var first = dead.Connect();
        var inflight = first.GetInflight(2, 16);
        Assert.True(first.SetInflight(inflight));
        first.Start(dead.Memory, queue);

        // Some complete, so that heads are reused and the order of the heads is not the order of the requests.
        for (var i = 0; i < 5; i++)
        {
            queue.Add(dead.Message([1]));
            queue.Kick();
            queue.WaitUsed();
        }

        dead.Device.Hold = true;
        var heads = new[] { 6, 2, 4, 1 }.Select(_ => queue.Add(dead.Message([2]))).ToArray();
        queue.Kick();
        await QueueTests.WaitFor(() => dead.Device.Held.Count == heads.Length);

        // The dead one is gone; what is added now has not been seen by anybody.
        var later = queue.Add(dead.Message([3]));
        using var second = next.Connect();
        Assert.True(second.SetInflight(inflight));
        second.Start(next.Memory, queue, queue.UsedIndex);
        var used = Enumerable.Range(0, heads.Length + 1).Select(_ => queue.WaitUsed().Head).ToArray();
        Assert.Equal([.. heads, later], used);
        Assert.Equal([.. heads, later], next.Device.Heads);
        Assert.Contains(next.Events, occurrence => occurrence.Kind == VhostUserEventKind.RequestsRedone && occurrence.Message.StartsWith("4 ", StringComparison.Ordinal));
        Assert.Equal(queue.AvailableIndex, second.Stop(queue));
        inflight.File.Dispose();

        // So that the dead one can be taken down.
        first.Dispose();
        await QueueTests.WaitFor(() => dead.Device.Calls.Contains("stopping 0"));
        await dead.Reactor.InvokeAsync(dead.Device.Abandon);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task ABatchThatWasBeingPublishedIsNotDoneTwice(int flagsAlreadyCleared)
    {
        // Killed between "increase the idx value of used ring" and "set used_idx": three were published, some flags are still set.
        await using var fixture = await EchoFixture.CreateAsync();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        var heads = Enumerable.Range(0, 4).Select(_ => queue.Add(fixture.Message([7]))).ToArray();
        using var frontEnd = fixture.Connect();
        var inflight = frontEnd.GetInflight(1, 16);
        using (var mapping = SharedMapping.Map(inflight.File, 0, 16 + (16 * 16)))
        {
            var region = new IoSegment(mapping.Address, (int)mapping.LengthBytes).Span;
            BinaryPrimitives.WriteUInt16LittleEndian(region[8..], 1); // version
            BinaryPrimitives.WriteUInt16LittleEndian(region[10..], 16); // desc_num
            BinaryPrimitives.WriteUInt16LittleEndian(region[12..], heads[2]); // last_batch_head
            BinaryPrimitives.WriteUInt16LittleEndian(region[14..], 0); // used_idx
            for (var i = 0; i < 4; i++)
            {
                var entry = region[(16 + (heads[i] * 16))..];
                entry[0] = (byte)(i < 3 && 2 - i < flagsAlreadyCleared ? 0 : 1);
                BinaryPrimitives.WriteUInt16LittleEndian(entry[6..], i is 0 or 3 ? (ushort)0 : heads[i - 1]); // next
                BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], (ulong)i); // counter
            }
        }

        // The used ring shows the first three.
        for (var i = 0; i < 3; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(fixture.Memory.Span(queue.Used + 4 + (ulong)(i * 8), 4), heads[i]);
        }

        BinaryPrimitives.WriteUInt16LittleEndian(fixture.Memory.Span(queue.Used + 2, 2), 3);
        Assert.True(frontEnd.SetInflight(inflight));
        frontEnd.Start(fixture.Memory, queue, 3);
        Assert.Equal(heads, Enumerable.Range(0, 4).Select(_ => queue.WaitUsed().Head));
        Assert.Equal([heads[3]], fixture.Device.Heads);
        inflight.File.Dispose();
    }

    [Fact]
    public async Task ARegionThatPointsOutsideItselfIsHarmless()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        using var frontEnd = fixture.Connect();
        var inflight = frontEnd.GetInflight(1, 16);
        using (var mapping = SharedMapping.Map(inflight.File, 0, 16 + (16 * 16)))
        {
            var region = new IoSegment(mapping.Address, (int)mapping.LengthBytes).Span;
            region.Fill(0xff);
            BinaryPrimitives.WriteUInt16LittleEndian(region[8..], 1);
            BinaryPrimitives.WriteUInt16LittleEndian(region[10..], 16);
        }

        Assert.True(frontEnd.SetInflight(inflight));
        frontEnd.Start(fixture.Memory, queue);

        // All sixteen descriptors are said to be in flight; they hold nothing.
        Assert.Equal(Enumerable.Range(0, 16).Select(i => (ushort)i), Enumerable.Range(0, 16).Select(_ => queue.WaitUsed().Head));
        inflight.File.Dispose();
    }

    [Theory]
    [InlineData(8, 2)] // version
    [InlineData(10, 2048)] // desc_num
    public async Task ARegionOfAnotherKindIsRefused(int offset, ushort value)
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        var inflight = frontEnd.GetInflight(1, 16);
        using (var mapping = SharedMapping.Map(inflight.File, 0, 64))
        {
            var region = new IoSegment(mapping.Address, 64).Span;
            BinaryPrimitives.WriteUInt16LittleEndian(region[8..], 1);
            BinaryPrimitives.WriteUInt16LittleEndian(region[10..], 16);
            BinaryPrimitives.WriteUInt16LittleEndian(region[offset..], value);
        }

        Assert.False(frontEnd.SetInflight(inflight));
        inflight.File.Dispose();
    }

    [Fact]
    public async Task ADriverMayChooseALargerQueueThanTheFrontEndAskedFor()
    {
        // As the firmware does under QEMU 10: the front end asks for 16 descriptors, the driver takes 64.
        await using var dead = await EchoFixture.CreateAsync();
        await using var next = await EchoFixture.CreateAsync(memory: dead.Memory);
        using var queue = new MockQueue(dead.Memory, 0, 64);
        using var first = dead.Connect();
        var inflight = first.GetInflight(1, 16);
        Assert.True(first.SetInflight(inflight));
        first.Start(dead.Memory, queue);
        dead.Device.Hold = true;
        var heads = Enumerable.Range(0, 24).Select(_ => queue.Add(dead.Message([2]))).ToArray();
        queue.Kick();
        await QueueTests.WaitFor(() => dead.Device.Held.Count == heads.Length);
        Assert.True(heads.Max() >= 16);

        using var second = next.Connect();
        Assert.True(second.SetInflight(inflight));
        second.Start(next.Memory, queue, queue.UsedIndex);
        Assert.Equal(heads, Enumerable.Range(0, heads.Length).Select(_ => queue.WaitUsed().Head));
        inflight.File.Dispose();

        first.Dispose();
        await QueueTests.WaitFor(() => dead.Device.Calls.Contains("stopping 0"));
        await dead.Reactor.InvokeAsync(dead.Device.Abandon);
    }

    [Fact]
    public async Task AClientThatReconnectsFindsItsRequestsFinished()
    {
        // The client dies, not the back end: what was in flight completes into the old memory before the next connection is served.
        await using var fixture = await EchoFixture.CreateAsync();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        (byte[] Description, Descriptor File) inflight;
        using (var first = fixture.Connect())
        {
            inflight = first.GetInflight(1, 16);
            first.SetInflight(inflight);
            first.Start(fixture.Memory, queue);
            fixture.Device.Hold = true;
            queue.Add(fixture.Message([5]));
            queue.Kick();
            await QueueTests.WaitFor(() => fixture.Device.Held.Count == 1);
        }

        using var second = new MockFrontEnd(fixture.SocketPath);
        await QueueTests.WaitFor(() => fixture.Device.Calls.Contains("stopping 0"));
        Assert.Equal(1, fixture.Backend.Connections);
        fixture.Device.Hold = false;
        await fixture.Reactor.InvokeAsync(() => fixture.Device.Release());
        second.Negotiate();
        Assert.True(second.SetMemory(fixture.Memory));
        Assert.True(second.SetInflight(inflight));
        second.Start(fixture.Memory, queue, 1);
        Assert.Equal(1u, queue.WaitUsed().WrittenBytes);
        queue.Add(fixture.Message([6]));
        queue.Kick();
        queue.WaitUsed();
        Assert.Equal(2, fixture.Device.Heads.Count);
        inflight.File.Dispose();
    }
}
