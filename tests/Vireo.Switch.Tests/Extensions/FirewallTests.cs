using System.Buffers.Binary;
using Vireo.Switch.Extensions;
using Vireo.Switch.Offloads;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Extensions;

/// <summary>What every firewall extension gets from the SDK: conversations, parts of packets, errors, resets.</summary>
public sealed class FirewallTests : IAsyncLifetime
{
    private const string Inside = "10.0.0.1";
    private const string Outside = "10.0.0.2";
    private readonly ExtendedSwitch _switch = new();
    private InMemoryPort _guest = null!;
    private InMemoryPort _world = null!;
    private PortState _port = null!;
    private ExtensionPackage _package = null!;

    public async Task InitializeAsync()
    {
        _package = _switch.Install("WebOnly", "Firewall");
        await _switch.EnableAsync(_package);
        (_guest, _port) = await _switch.AddPortAsync();

        // Whoever is on the other side is not judged: the extension is there only for the guest's sake.
        (_world, _) = _switch.Network.AddPort();
        _guest.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        _world.Inject(Ethernet(MacAddress.Broadcast, Station(2)));
        _guest.Drain();
        _world.Drain();
    }

    public async Task DisposeAsync() => await _switch.DisposeAsync();

    [Fact]
    [Requirement("SW-8")]
    public void Answers_pass_and_strangers_do_not()
    {
        Assert.True(Out(Tcp(true, 4000, 443, 0x02)));
        Assert.True(In(Tcp(false, 443, 4000, 0x12)));
        Assert.True(Out(Tcp(true, 4000, 443, 0x10)));
        Assert.False(In(Tcp(false, 443, 4001, 0x12)));
        Assert.False(In(Tcp(false, 443, 4000, 0x02, source: "10.0.0.9")));
        Assert.False(In(Tcp(false, 5000, 22, 0x02)));
        Assert.True(In(Tcp(false, 5000, 80, 0x02)));
        Assert.True(Out(Tcp(true, 80, 5000, 0x12)));
        Assert.True(In(Udp(false, 6000, 53)));
        Assert.True(Out(Udp(true, 53, 6000)));
        Assert.False(In(Udp(false, 6000, 54)));
        Assert.True(Out(Udp(true, 7000, 123)));
        Assert.True(In(Udp(false, 123, 7000)));
        Assert.True(_port.Dropped[DropReason.Register("FirewallDenied").Id] > 0);
        Assert.True(_port.Dropped[DropReason.Register("FirewallInvalid").Id] > 0);
    }

    [Fact]
    [Requirement("SW-8")]
    [Requirement("SW-10")]
    public async Task Conversations_outlive_a_new_version_and_a_move_and_nothing_else_does()
    {
        Assert.True(Out(Udp(true, 7000, 123)));
        Assert.True(Out(Tcp(true, 4000, 443, 0x02)));
        Assert.True(In(Tcp(false, 443, 4000, 0x12)));
        var next = _switch.Install("WebOnly", "Firewall", _package.Manifest.Id, "2.0.0");
        await _switch.Chain.UpgradeAsync((await _switch.Chain.PrepareUpgradeAsync(next))!);
        Assert.Equal("2.0.0", _switch.Chain.Describe()[0].Version);
        Assert.True(In(Udp(false, 123, 7000)));
        Assert.False(In(Udp(false, 123, 7001)));
        Assert.True(In(Tcp(false, 443, 4000, 0x10)));
        Assert.False(In(Tcp(false, 443, 4001, 0x12)));

        // What another host says is read as carefully as a packet.
        var kept = Assert.Single((await _switch.Chain.SaveAsync(_port.Id))!);
        var bytes = Assert.Single(kept.Entries).Value;
        await using var other = new ExtendedSwitch();
        await other.EnableAsync(other.InstallFrom(next.Folder));
        var (guest, port) = await other.AddPortAsync();
        var (world, _) = other.Network.AddPort();
        world.Inject(Ethernet(MacAddress.Broadcast, Station(2)));
        guest.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        guest.Drain();
        world.Inject(Udp(false, 123, 7000));
        Assert.Equal(0, guest.Drain());
        foreach (var length in Enumerable.Range(0, 200).Concat([bytes.Length]))
        {
            var cut = kept with { Entries = new Dictionary<string, byte[]> { [kept.Entries.Keys.Single()] = bytes[..Math.Min(length, bytes.Length)] } };
            Assert.True(await other.Chain.RestoreAsync(port.Id, [cut]));
        }

        world.Inject(Udp(false, 123, 7000));
        Assert.Equal(1, guest.Drain());
    }

    [Fact]
    [Requirement("SW-8")]
    public void A_silent_conversation_is_forgotten()
    {
        Assert.True(Out(Udp(true, 7000, 123)));
        _switch.Network.Clock.Advance(TimeSpan.FromSeconds(119));
        Assert.True(In(Udp(false, 123, 7000)));
        _switch.Network.Clock.Advance(TimeSpan.FromSeconds(301));
        Assert.False(In(Udp(false, 123, 7000)));
    }

    [Fact]
    [Requirement("SW-8")]
    public void A_reset_passes_when_it_hits_the_window_and_ends_the_conversation()
    {
        Assert.False(In(Tcp(false, 443, 4000, 0x04)));
        Assert.True(Out(Tcp(true, 4000, 443, 0x02, sequence: 100)));
        Assert.True(In(Tcp(false, 443, 4000, 0x12, sequence: 900, acknowledgment: 101)));
        Assert.True(Out(Tcp(true, 4000, 443, 0x10, sequence: 101, acknowledgment: 901)));
        Assert.False(In(Tcp(false, 443, 4000, 0x04, sequence: 900_000_000)));
        Assert.True(In(Tcp(false, 443, 4000, 0x18, sequence: 901, acknowledgment: 101)));
        Assert.True(In(Tcp(false, 443, 4000, 0x04, sequence: 901)));
        _switch.Network.Clock.Advance(TimeSpan.FromSeconds(11));
        Assert.False(In(Tcp(false, 443, 4000, 0x18, sequence: 901, acknowledgment: 101)));
        Assert.True(Out(Tcp(true, 4000, 443, 0x02)));
    }

    [Fact]
    [Requirement("SW-8")]
    public void Errors_about_a_conversation_pass_and_others_do_not()
    {
        Assert.True(Out(Udp(true, 7000, 33434)));
        Assert.True(In(Error(Udp(true, 7000, 33434))));
        Assert.False(In(Error(Udp(true, 7000, 33435))));
        Assert.False(In(Error(Udp(false, 33434, 7000))));
        Assert.True(Out(Echo(true, 8)));
        Assert.True(In(Echo(false, 0)));
        Assert.False(In(Echo(false, 8)));
        Assert.True(In(Error(Echo(true, 8))));
    }

    [Fact]
    [Requirement("SW-8")]
    public void Parts_of_a_packet_follow_its_first_part()
    {
        var payload = new byte[64];
        BinaryPrimitives.WriteUInt16BigEndian(payload, 6000);
        BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(2), 53);
        BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(4), 300);
        Assert.False(In(Part(payload, 1, 8, more: true)));
        Assert.True(In(Part(payload, 1, 0, more: true)));
        Assert.True(In(Part(payload, 1, 8, more: true)));
        Assert.True(In(Part(payload, 1, 16, more: false)));
        Assert.False(In(Part(payload, 2, 16, more: false)));
        BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(2), 54);
        Assert.False(In(Part(payload, 3, 0, more: true)));
        Assert.False(In(Part(payload, 3, 8, more: false)));
        Assert.False(In(Part(payload.AsSpan(0, 4).ToArray(), 4, 0, more: true)));
        _switch.Network.Clock.Advance(TimeSpan.FromSeconds(31));
        Assert.False(In(Part(payload, 1, 8, more: true)));
    }

    [Fact]
    [Requirement("SW-8")]
    public void Who_addresses_others_pushes_out_only_its_own()
    {
        Assert.True(In(Tcp(false, 5000, 80, 0x02)));
        Assert.True(Out(Tcp(true, 80, 5000, 0x12)));
        Assert.True(In(Tcp(false, 5000, 80, 0x10)));
        for (var i = 0; i < 200_000; i++)
        {
            Out(Packets.Udp(Station(2), Station(1), Inside, $"10.{1 + (i >> 16)}.{(i >> 8) & 255}.{i & 255}", 1, 2));
        }

        Assert.True(In(Tcp(false, 5000, 80, 0x18)));
    }

    private static byte[] Udp(bool isOut, int from, int to) =>
        isOut ? Packets.Udp(Station(2), Station(1), Inside, Outside, from, to) : Packets.Udp(Station(1), Station(2), Outside, Inside, from, to);

    private static byte[] Tcp(bool isOut, int from, int to, byte flags, uint sequence = 0, uint acknowledgment = 0, string source = Outside)
    {
        var segment = new byte[20];
        BinaryPrimitives.WriteUInt16BigEndian(segment, (ushort)from);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), (ushort)to);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(4), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(8), acknowledgment);
        segment[12] = 5 << 4;
        segment[13] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(14), 60_000);
        return Ip(isOut, 6, segment, source);
    }

    private static byte[] Echo(bool isOut, byte type) => Ip(isOut, 1, [type, 0, 0, 0, 0x12, 0x34, 0, 1, 1, 2, 3, 4]);

    private static byte[] Error(byte[] about)
    {
        byte[] message = [3, 3, 0, 0, 0, 0, 0, 0, .. about.AsSpan(14, Math.Min(28, about.Length - 14))];
        return Ip(false, 1, message, "10.0.0.77");
    }

    private static byte[] Part(byte[] payload, ushort identification, int offset, bool more)
    {
        var frame = Ip(false, 17, payload);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), identification);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(20), (ushort)((more ? 0x2000 : 0) | offset));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), 0);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), (ushort)~Checksum.Sum(frame.AsSpan(14, 20)));
        return frame;
    }

    private static byte[] Ip(bool isOut, byte protocol, byte[] payload, string source = Outside) => isOut
        ? Packets.Ip(Station(2), Station(1), Inside, Outside, protocol, payload)
        : Packets.Ip(Station(1), Station(2), source, Inside, protocol, payload);

    private bool Out(byte[] frame)
    {
        _guest.Inject(frame);
        return _world.Drain() == 1;
    }

    private bool In(byte[] frame)
    {
        _world.Inject(frame);
        return _guest.Drain() == 1;
    }
}
