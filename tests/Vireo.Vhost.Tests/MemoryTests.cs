using Vireo.Platform;
using Vireo.Platform.Memory;
using Vireo.Testing;
using Vireo.Testing.Vhost;
using Vireo.Vhost.Tests.Support;

namespace Vireo.Vhost.Tests;

/// <summary>Guest memory that changes under running queues, and the dirty log of a migration.</summary>
public sealed class MemoryTests
{
    [Fact]
    public async Task RegionsComeAndGoUnderARunningQueue()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        frontEnd.Start(fixture.Memory, queue);
        const ulong place = 1UL << 32;
        for (var round = 0; round < 20; round++)
        {
            var added = fixture.Memory.Add(place, 1 << 16);
            Assert.True(frontEnd.ChangeRegion(added, add: true));
            fixture.Memory.Span(place, 3).Fill((byte)round);
            var target = fixture.Memory.Allocate(3);
            queue.Add(new MockBuffer(place, 3, false), new MockBuffer(target, 3, true));
            queue.Kick();
            Assert.Equal(3u, queue.WaitUsed().WrittenBytes);
            Assert.Equal((byte)round, fixture.Memory.Span(target, 3)[2]);
            Assert.True(frontEnd.ChangeRegion(added, add: false));
            Assert.False(frontEnd.ChangeRegion(added, add: false));
            fixture.Memory.Remove(added);
        }

        queue.Add(new MockBuffer(place, 3, false));
        queue.Kick();
        Assert.True(queue.WaitError());
    }

    [Fact]
    [Requirement("IO-3")]
    public async Task ARegionThatIsToldForEachPairOfQueuesIsOneAndEndsWithTheFirstThatTakesItBack()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        const ulong place = 1UL << 32;
        var region = fixture.Memory.Add(place, 1 << 16);
        Assert.True(frontEnd.ChangeRegion(region, add: true));
        Assert.True(frontEnd.ChangeRegion(region, add: true));
        Assert.True(frontEnd.ChangeRegion(region, add: false));

        // Another may take its place before the second pair has taken it back.
        var next = region with { UserAddress = region.UserAddress + (1UL << 40) };
        Assert.True(frontEnd.ChangeRegion(next, add: true));
        Assert.True(frontEnd.ChangeRegion(region, add: false));
        Assert.True(frontEnd.ChangeRegion(next, add: true));
        Assert.False(frontEnd.ChangeRegion(region, add: false));
        Assert.True(frontEnd.ChangeRegion(next, add: false));
        Assert.True(frontEnd.ChangeRegion(next, add: false));
        Assert.False(frontEnd.ChangeRegion(next, add: false));
        fixture.Memory.Remove(region);
    }

    [Fact]
    public async Task ANewTableWaitsForTheRequestsThatUseTheOldOne()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        frontEnd.Start(fixture.Memory, queue);
        fixture.Device.Hold = true;
        queue.Add(fixture.Message([8, 9]));
        queue.Kick();
        await QueueTests.WaitFor(() => fixture.Device.Held.Count == 1);
        var change = Task.Run(() => frontEnd.SetMemory(fixture.Memory));

        // Nothing new is taken while the change waits.
        await QueueTests.WaitFor(() => fixture.Reactor.InvokeAsync(() => !fixture.Device.Held[0].Queue.IsRunning).Result);
        queue.Add(fixture.Message([1]));
        queue.Kick();
        await fixture.Reactor.InvokeAsync(() => { });
        Assert.False(change.IsCompleted);
        Assert.Single(fixture.Device.Heads);
        fixture.Device.Hold = false;
        await fixture.Reactor.InvokeAsync(() => fixture.Device.Release());
        Assert.True(await change);
        Assert.Equal(2u, queue.WaitUsed().WrittenBytes);
        Assert.Equal(1u, queue.WaitUsed().WrittenBytes);
    }

    [Fact]
    public async Task OverlappingUnsealedAndImpossibleRegionsAreRefused()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        var region = fixture.Memory.Regions[0];
        Assert.False(frontEnd.ChangeRegion(region, add: true));
        Assert.False(frontEnd.ChangeRegion(region with { GuestAddress = region.GuestAddress + 4096 }, add: true));
        Assert.False(frontEnd.ChangeRegion(region with { GuestAddress = ulong.MaxValue - 100 }, add: true));
        Assert.False(frontEnd.ChangeRegion(region with { GuestAddress = 1UL << 40, UserAddress = ulong.MaxValue }, add: true));

        // A plain file can be cut short by its owner.
        var path = System.IO.Path.GetTempFileName();
        using (var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.SetLength(handle, region.Mapping.LengthBytes);
            using var plain = Descriptor.DuplicateOf(handle);
            Assert.False(frontEnd.ChangeRegion(region with { GuestAddress = 1UL << 40, File = plain }, add: true));
        }

        File.Delete(path);
        Assert.Contains(fixture.Events, occurrence => occurrence.Message.Contains("not sealed", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AMigrationSeesEveryPageThatTheDeviceWrote(bool eventIndex)
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect(eventIndex ? VirtioFeatures.EventIndex : 0);
        using var queue = new MockQueue(fixture.Memory, 0, 16, eventIndex);
        frontEnd.Start(fixture.Memory, queue);
        var pages = (int)(fixture.Memory.Regions[0].Mapping.LengthBytes / 4096);
        using var file = MemoryFile.CreateSealed("log", pages / 8);
        using var mapping = SharedMapping.Map(file, 0, pages / 8);

        var before = fixture.Message([1]);
        queue.Add(before);
        queue.Kick();
        queue.WaitUsed();

        // As QEMU begins a migration: the log, the feature, then each ring's address again with its own flag.
        frontEnd.SetLog(file, pages / 8);
        Assert.True(frontEnd.Tell(2, frontEnd.Features | VirtioFeatures.LogAll));
        Assert.True(frontEnd.SetAddress(fixture.Memory, queue, usedLogAddress: queue.Used));
        Assert.Empty(Dirty(mapping));

        var source = fixture.Memory.Allocate(9000);
        var target = fixture.Memory.Allocate(9000, 4096) + 4000;
        queue.Add(new MockBuffer(source, 4200, false), new MockBuffer(target, 4200, true));
        queue.Kick();
        Assert.Equal(4200u, queue.WaitUsed().WrittenBytes);
        Assert.Equal(0, await Written(frontEnd, queue));

        // 4200 bytes from offset 4000 touch three pages; unwritten room is not marked; the used ring has a page of its own.
        ulong[] expected = [queue.Used / 4096, target / 4096, (target / 4096) + 1, (target / 4096) + 2];
        Assert.Equal(expected.Order(), Dirty(mapping));
    }

    private static async Task<int> Written(MockFrontEnd frontEnd, MockQueue queue)
    {
        frontEnd.Stop(queue);
        await Task.Yield();
        return queue.AvailableIndex - queue.UsedIndex;
    }

    private static ulong[] Dirty(SharedMapping log)
    {
        var bits = new IoSegment(log.Address, (int)log.LengthBytes).Span.ToArray();
        return [.. Enumerable.Range(0, bits.Length * 8).Where(page => (bits[page / 8] >> (page % 8) & 1) != 0).Select(page => (ulong)page)];
    }
}
