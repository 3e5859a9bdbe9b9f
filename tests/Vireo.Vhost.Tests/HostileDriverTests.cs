using Vireo.Testing.Vhost;
using Vireo.Vhost.Queues;
using Vireo.Vhost.Tests.Support;

namespace Vireo.Vhost.Tests;

/// <summary>What no driver may do breaks its own queue, says so by the error eventfd, and leaves the next queue alone.</summary>
public sealed class HostileDriverTests
{
    private const ushort Next = 1;
    private const ushort Write = 2;
    private const ushort Indirect = 4;

    public static TheoryData<VirtQueueFault, Action<EchoFixture, MockQueue>> Tricks => new()
    {
        { VirtQueueFault.AvailableIndexJump, (_, queue) => queue.SetAvailableIndex(17) },
        { VirtQueueFault.HeadOutOfRange, (_, queue) => queue.MakeAvailable(16) },
        { VirtQueueFault.HeadOutOfRange, (_, queue) => queue.MakeAvailable(0xffff) },
        { VirtQueueFault.NextOutOfRange, (_, queue) => Offer(queue, 0, 16, Next, 16) },
        { VirtQueueFault.ChainTooLong, (_, queue) => Offer(queue, 0, 1, Next, 0) },
        { VirtQueueFault.AddressOutOfRange, (_, queue) => Offer(queue, ulong.MaxValue, 1, 0, 0) },
        { VirtQueueFault.AddressOutOfRange, (_, queue) => Offer(queue, 1UL << 40, 1, 0, 0) },
        { VirtQueueFault.AddressOutOfRange, (_, queue) => Offer(queue, (4 << 20) - 1, 2, Write, 0) },
        { VirtQueueFault.AddressOutOfRange, (_, queue) => Offer(queue, 0, uint.MaxValue >> 1, 0, 0) },
        { VirtQueueFault.TooManyBytes, (_, queue) => Offer(queue, 0, uint.MaxValue, 0, 0) },
        { VirtQueueFault.TooManyBytes, (_, queue) => Offer(queue, 0, 1U << 31, Write, 0) },
        { VirtQueueFault.ReadableAfterWritable, (_, queue) => OfferTwo(queue, Write | Next, 0) },
        { VirtQueueFault.BadIndirectTable, (_, queue) => Offer(queue, 0, 16, Indirect | Next, 1) },
        { VirtQueueFault.BadIndirectTable, (_, queue) => Offer(queue, 0, 0, Indirect, 0) },
        { VirtQueueFault.BadIndirectTable, (_, queue) => Offer(queue, 0, 17, Indirect, 0) },
        { VirtQueueFault.BadIndirectTable, (_, queue) => Offer(queue, ulong.MaxValue - 15, 32, Indirect, 0) },
        { VirtQueueFault.AddressOutOfRange, (_, queue) => Offer(queue, 1UL << 40, 16, Indirect, 0) },
        { VirtQueueFault.AddressOutOfRange, (_, queue) => Offer(queue, (4 << 20) - 8, 16, Indirect, 0) },
        { VirtQueueFault.NextOutOfRange, (fixture, queue) => OfferTable(fixture, queue, Next, 1, 16) },
        { VirtQueueFault.ChainTooLong, (fixture, queue) => OfferTable(fixture, queue, Next, 0, 16) },
        { VirtQueueFault.BadIndirectTable, (fixture, queue) => OfferTable(fixture, queue, Indirect, 0, 16) },
        {
            VirtQueueFault.TooManyInFlight, (fixture, queue) =>
            {
                fixture.Device.Hold = true;
                queue.WriteDescriptor(0, 0, 1, 0, 0);
                for (var i = 0; i < 16; i++)
                {
                    queue.MakeAvailable(0);
                }

                queue.KickEvent.Signal();
                QueueTests.WaitFor(() => fixture.Device.Heads.Count == 16).GetAwaiter().GetResult();
                queue.MakeAvailable(0);
            }
        },
    };

    [Theory]
    [MemberData(nameof(Tricks))]
    public async Task ATrickBreaksOnlyItsQueue(VirtQueueFault fault, Action<EchoFixture, MockQueue> trick)
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect(VirtioFeatures.IndirectDescriptors);
        using var hostile = new MockQueue(fixture.Memory, 0, 16);
        using var sound = new MockQueue(fixture.Memory, 1, 16);
        frontEnd.Start(fixture.Memory, hostile);
        frontEnd.Start(fixture.Memory, sound);
        trick(fixture, hostile);
        hostile.KickEvent.Signal();
        Assert.True(hostile.WaitError());
        Assert.Contains(fixture.Events, occurrence => occurrence.Kind == VhostUserEventKind.QueueBroken && occurrence.Message.Contains($"({fault})", StringComparison.Ordinal));
        Assert.Equal(1, fixture.Backend.BrokenQueues);

        fixture.Device.Hold = false;
        sound.Add(fixture.Message([1, 2, 3]));
        sound.Kick();
        Assert.Equal(3u, sound.WaitUsed().WrittenBytes);

        // A reset makes it whole again.
        await fixture.Reactor.InvokeAsync(() => fixture.Device.Release());
        frontEnd.Stop(hostile);
        using var again = new MockQueue(fixture.Memory, 0, 16);
        frontEnd.Start(fixture.Memory, again);
        again.Add(fixture.Message([1]));
        again.Kick();
        Assert.Equal(1u, again.WaitUsed().WrittenBytes);
    }

    [Fact]
    public async Task DescriptorsThatChangeWhileTheyAreReadHarmNobody()
    {
        const int seed = 20240607;
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect(VirtioFeatures.IndirectDescriptors);
        using var sound = new MockQueue(fixture.Memory, 1, 16);
        frontEnd.Start(fixture.Memory, sound);
        var random = new Random(seed);
        for (var round = 0; round < 40; round++)
        {
            using var hostile = new MockQueue(fixture.Memory, 0, 16);
            frontEnd.Start(fixture.Memory, hostile);
            using var stop = new CancellationTokenSource();
            var scribbler = Task.Run(() => Scribble(hostile, random.Next(), stop.Token));
            for (var i = 0; i < 50; i++)
            {
                hostile.MakeAvailable((ushort)random.Next(16));
                hostile.KickEvent.Signal();
                sound.Add(fixture.Message([1]));
                sound.Kick();
                Assert.Equal(1u, sound.WaitUsed().WrittenBytes);
            }

            await stop.CancelAsync();
            await scribbler;
            frontEnd.Stop(hostile);
        }
    }

    private static void Scribble(MockQueue queue, int seed, CancellationToken stop)
    {
        var random = new Random(seed);
        while (!stop.IsCancellationRequested)
        {
            var address = random.Next(4) == 0 ? (ulong)random.NextInt64() : (ulong)random.Next(3 << 20, 4 << 20);
            queue.WriteDescriptor(random.Next(16), address, (uint)random.Next(1 << random.Next(1, 31)), (ushort)random.Next(8), (ushort)random.Next(18));
        }
    }

    private static void Offer(MockQueue queue, ulong address, uint length, int flags, ushort next)
    {
        queue.WriteDescriptor(0, address, length, (ushort)flags, next);
        queue.MakeAvailable(0);
    }

    private static void OfferTwo(MockQueue queue, int firstFlags, int secondFlags)
    {
        queue.WriteDescriptor(1, 0, 1, (ushort)secondFlags, 0);
        Offer(queue, 0, 1, firstFlags, 1);
    }

    private static void OfferTable(EchoFixture fixture, MockQueue queue, int flags, ushort next, uint tableBytes)
    {
        var table = fixture.Memory.Allocate(4096);
        queue.WriteDescriptor(table, 0, 16, (ushort)flags, next);
        Offer(queue, table, tableBytes, Indirect, 0);
    }
}
