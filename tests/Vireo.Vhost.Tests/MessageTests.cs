using Vireo.Platform.Sockets;
using Vireo.Testing;
using Vireo.Testing.Vhost;
using Vireo.Vhost.Protocol;
using Vireo.Vhost.Tests.Support;

namespace Vireo.Vhost.Tests;

/// <summary>Messages that are understood, refused by their acknowledgement, or answered by closing the connection.</summary>
public sealed class MessageTests
{
    [Fact]
    public async Task FeaturesAreNegotiatedAndToldToTheDevice()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = new MockFrontEnd(fixture.SocketPath);
        frontEnd.Negotiate(fixture.Device.Features | VirtioFeatures.EventIndex);
        Assert.Equal(fixture.Device.Features | VirtioFeatures.EventIndex | VirtioFeatures.Version1, fixture.Device.NegotiatedFeatures);
        Assert.False(frontEnd.Tell(2, 1UL << 60));
        Assert.Equal(2UL, frontEnd.Ask(17).Number);
        Assert.InRange(frontEnd.Ask(36).Number, 32UL, 512UL);
    }

    [Fact]
    public async Task TheConfigurationSpaceIsReadAndWritten()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        Assert.Equal([3, 4, 5], frontEnd.GetConfig(2, 3));
        Assert.Empty(frontEnd.GetConfig(6, 10));
        Assert.True(frontEnd.Tell(25, [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 88, 99]));
        Assert.Equal([1, 88, 99, 4], frontEnd.GetConfig(0, 4));
        Assert.False(frontEnd.Tell(25, [4, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 88, 99]));
        Assert.False(frontEnd.Tell(25, [0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 88, 99]));
        Assert.False(frontEnd.Tell(25, [0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 88, 99]));
    }

    [Fact]
    public async Task AddressAndMtuReachTheDevice()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        Assert.True(frontEnd.Tell(19, [2, 3, 4, 5, 6, 7, 0, 0]));
        Assert.Equal([2, 3, 4, 5, 6, 7], fixture.Device.Announced);
        Assert.True(frontEnd.Tell(20, 1500UL));
        Assert.False(frontEnd.Tell(20, 65535UL));
        Assert.False(frontEnd.Tell(20, 1UL << 40));
    }

    [Fact]
    public async Task ARefusedMessageIsAcknowledgedWithAnErrorAndTheSessionGoesOn()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        Assert.False(frontEnd.TellState(8, 0, 0));
        Assert.False(frontEnd.TellState(8, 0, 24)); // not a power of two
        Assert.False(frontEnd.TellState(8, 0, 2048));
        Assert.False(frontEnd.TellState(8, 2, 16)); // no such queue
        Assert.False(frontEnd.TellState(10, 0, 65536));
        Assert.False(frontEnd.TellState(18, 0, 2));
        Assert.False(frontEnd.Tell(12, 0UL)); // a kick without a descriptor
        Assert.False(frontEnd.Tell(12, 0UL, fixture.Memory.Regions[0].File)); // a descriptor that is no eventfd
        Assert.False(frontEnd.Tell(13, 0x200UL));
        Assert.False(frontEnd.Tell(99, 0UL));
        frontEnd.Start(fixture.Memory, queue);
        queue.Add(fixture.Message([1]));
        queue.Kick();
        queue.WaitUsed();
        Assert.False(frontEnd.TellState(8, 0, 32)); // started
    }

    [Fact]
    public async Task RingsOutsideTheMemoryAreRefused()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        using var large = new MockGuestMemory((0, 1 << 16), (1UL << 34, 1 << 20));
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        using var other = new MockGuestMemory((1UL << 34, 1 << 20));
        using var outside = new MockQueue(other, 0, 16);
        Assert.True(frontEnd.TellState(8, 0, 16));
        Assert.True(frontEnd.SetAddress(other, outside));
        Assert.True(frontEnd.Tell(12, 0UL, queue.KickEvent.Descriptor));
        Assert.False(frontEnd.TellState(18, 0, 1));
    }

    public static TheoryData<byte[]> Nonsense => new()
    {
        new byte[] { 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0 }, // version 2
        new byte[] { 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0 }, // a reply
        new byte[] { 1, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255 }, // 4 GiB of payload
        new byte[] { 11, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0 }, // GET_VRING_BASE, too short
        new byte[] { 5, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0 }, // SET_MEM_TABLE of nine regions without them
        new byte[] { 31, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 }, // GET_INFLIGHT_FD without payload
    };

    [Theory]
    [MemberData(nameof(Nonsense))]
    public async Task NonsenseEndsTheConnectionAndTheNextOneIsServed(byte[] message)
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using (var hostile = new MockFrontEnd(fixture.SocketPath))
        {
            hostile.SendRaw(message);
            Assert.Null(hostile.Receive());
        }

        using var frontEnd = fixture.Connect();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        frontEnd.Start(fixture.Memory, queue);
        queue.Add(fixture.Message([1]));
        queue.Kick();
        queue.WaitUsed();
    }

    [Fact]
    public async Task AMessageInPiecesIsPutTogether()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        byte[] message = [24, 0, 0, 0, 1, 0, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        foreach (var one in message)
        {
            frontEnd.SendRaw([one]);
        }

        var answer = frontEnd.Receive()!;
        Assert.Equal([2, 3], answer.Payload[12..]);
    }

    [Fact]
    public async Task AResetStopsTheQueuesAndTheyCanBeStartedAgain()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        using var queue = new MockQueue(fixture.Memory, 0, 16);
        frontEnd.Start(fixture.Memory, queue);
        Assert.True(frontEnd.Tell(34, []));
        Assert.Contains("stopped 0", fixture.Device.Calls);
        frontEnd.Start(fixture.Memory, queue);
        queue.Add(fixture.Message([1]));
        queue.Kick();
        queue.WaitUsed();
    }

    [Fact]
    public async Task TheBackEndAsksThroughItsOwnChannel()
    {
        await using var fixture = await EchoFixture.CreateAsync();
        using var frontEnd = fixture.Connect();
        using var folder = new TempFolder();
        using var listener = UnixListener.Listen(folder["r"]);
        using var ours = UnixConnection.Connect(folder["r"]);
        using var theirs = listener.TryAccept()!;
        Assert.True(frontEnd.Tell(21, [], theirs.Descriptor));
        await fixture.Backend.NotifyConfigChangedAsync();
        using var channel = new MockFrontEnd(ours);
        Assert.Equal(2u, channel.Receive()!.Request);
    }

    [Fact]
    public async Task TheBackEndCanBeTheOneThatConnects()
    {
        using var folder = new TempFolder();
        using var listener = UnixListener.Listen(folder["f"]);
        await using var fixture = await EchoFixture.CreateAsync();
        await using var backend = await VhostUserBackend.ConnectAsync(fixture.Reactor, new EchoDevice(), folder["f"]);
        using (var frontEnd = new MockFrontEnd(listener.TryAccept()!))
        {
            frontEnd.Negotiate();
            Assert.True(frontEnd.SetMemory(fixture.Memory));
            using var queue = new MockQueue(fixture.Memory, 0, 16);
            frontEnd.Start(fixture.Memory, queue);
            queue.Add(fixture.Message([1]));
            queue.Kick();
            queue.WaitUsed();
        }

        await backend.Completion.WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void EveryStructureHasTheLengthThatItHasOnTheWire()
    {
        Assert.Equal(12, System.Runtime.InteropServices.Marshal.SizeOf<MessageHeader>());
        Assert.Equal(8, System.Runtime.InteropServices.Marshal.SizeOf<VringState>());
        Assert.Equal(40, System.Runtime.InteropServices.Marshal.SizeOf<VringAddress>());
        Assert.Equal(32, System.Runtime.InteropServices.Marshal.SizeOf<MemoryRegionDescription>());
        Assert.Equal(16, System.Runtime.InteropServices.Marshal.SizeOf<LogDescription>());
        Assert.Equal(24, System.Runtime.InteropServices.Marshal.SizeOf<InflightDescription>());
        Assert.Equal(12, System.Runtime.InteropServices.Marshal.SizeOf<ConfigHeader>());
    }
}
