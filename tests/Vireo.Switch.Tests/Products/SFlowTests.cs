using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Vireo.Control.Switching;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Products;

public sealed class SFlowTests : IAsyncDisposable
{
    private const string Settings = "5f10e000-7a1c-4c57-9c0a-2a7c1c9d0002";
    private readonly ExtendedSwitch _switch = new();
    private readonly TempFolder _folder = new();

    public async ValueTask DisposeAsync()
    {
        await _switch.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    [Requirement("SW-12")]
    public async Task A_public_decoder_reads_the_samples_of_frames_and_counters()
    {
        using var collector = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var product = _switch.InstallFrom(ProductFolder.Of("SFlow"));
        var json = $$"""{"Collector":"127.0.0.1","CollectorPort":{{((IPEndPoint)collector.Client.LocalEndPoint!).Port}},"AgentAddress":"192.0.2.7","SamplingRate":1,"HeaderBytes":64,"CounterSeconds":5}""";
        await _switch.Chain.ApplyAsync([new SwitchExtensionSpecification(product.Manifest.Id, true, [ExtendedSwitch.Feature(product, Settings, json)])]);
        var (a, _) = await _switch.AddPortAsync(_switch.Network.Compiler.Compile(new Vireo.Switch.Pipeline.PortSettings(PortVlanMode.Access, 42, []), null));
        var (b, _) = await _switch.AddPortAsync();
        for (var i = 0; i < 10; i++)
        {
            a.Inject(Packets.Udp(MacAddress.Broadcast, Station(1), "10.0.0.1", "10.0.0.2", 4000 + i, 53, new byte[500]));
        }

        b.Inject(Ethernet(MacAddress.Broadcast, Station(2)));
        _switch.Network.Clock.Advance(TimeSpan.FromSeconds(6));
        List<byte[]> datagrams = [];
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (Samples(datagrams) < 13)
        {
            datagrams.Add((await collector.ReceiveAsync(limit.Token)).Buffer);
        }

        var capture = _folder["sflow.pcap"];
        File.WriteAllBytes(capture, Pcap(datagrams));
        string[] fields = ["sflow_245.version", "sflow_245.agent", "sflow.flow_sample.sampling_rate", "sflow_245.header.frame_length", "sflow_245.vlan.in", "sflow_245.ifindex", "udp.srcport", "_ws.malformed"];
        var read = Peer.Run("tshark", ["-r", capture, "-d", "udp.port==6343,sflow", "-T", "fields", "-E", "occurrence=a", .. fields.SelectMany(field => new[] { "-e", field })]);
        var rows = read.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(row => row.Split('\t')).ToList();
        List<string> All(int column) => [.. rows.SelectMany(row => row.Length > column ? row[column].Split(',', StringSplitOptions.RemoveEmptyEntries) : [])];
        Assert.All(All(0), version => Assert.Equal("5", version));
        Assert.All(All(1), agent => Assert.Equal("192.0.2.7", agent));
        Assert.Equal(Enumerable.Repeat("1", 11), All(2));
        Assert.Equal(10, All(3).Count(length => length == "546"));
        Assert.Equal(10, All(4).Count(vlan => vlan == "42"));
        Assert.Equal(["1", "2"], All(5).Distinct().Order());
        Assert.Superset(Enumerable.Range(4000, 10).Select(port => $"{port}").ToHashSet(), All(6).ToHashSet());
        Assert.Empty(All(7));
        Assert.Equal(11, (await _switch.DataAsync(product)).GetProperty("FlowSamples").GetInt64());
        Assert.Equal(0, (await _switch.DataAsync(product)).GetProperty("DroppedSamples").GetInt64());
    }

    [Fact]
    [Requirement("SW-12")]
    public async Task One_of_so_many_frames_is_sampled_on_average()
    {
        using var collector = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var product = _switch.InstallFrom(ProductFolder.Of("SFlow"));
        var json = $$"""{"Collector":"127.0.0.1","CollectorPort":{{((IPEndPoint)collector.Client.LocalEndPoint!).Port}},"SamplingRate":100,"CounterSeconds":0}""";
        await _switch.Chain.ApplyAsync([new SwitchExtensionSpecification(product.Manifest.Id, true, [ExtendedSwitch.Feature(product, Settings, json)])]);
        var (a, _) = await _switch.AddPortAsync();
        var frame = Ethernet(MacAddress.Broadcast, Station(1));
        for (var i = 0; i < 50_000; i++)
        {
            a.Inject(frame);
        }

        async Task<long> SampledAsync()
        {
            var data = await _switch.DataAsync(product);
            return data.GetProperty("FlowSamples").GetInt64() + data.GetProperty("DroppedSamples").GetInt64();
        }

        // About 500; the last of them is sent when nothing comes any more.
        await Wait.UntilAsync("most of the samples", async () => await SampledAsync() >= 400);
        long before = -1;
        await Wait.UntilAsync("the last of the samples", async () =>
        {
            var now = await SampledAsync();
            (var isDone, before) = (now == before, now);
            await Task.Delay(250);
            return isDone;
        });
        Assert.InRange(before, 400, 620);
    }

    private static int Samples(List<byte[]> datagrams) => datagrams.Sum(one => (int)BinaryPrimitives.ReadUInt32BigEndian(one.AsSpan(24)));

    private static byte[] Pcap(List<byte[]> datagrams)
    {
        using var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        writer.Write(0xA1B2C3D4);
        writer.Write(0x0004_0002);
        writer.Write(0L);
        writer.Write(65535);
        writer.Write(1);
        foreach (var datagram in datagrams)
        {
            var frame = Packets.Udp(Station(1), Station(2), "192.0.2.7", "192.0.2.8", 9999, 6343, datagram);
            writer.Write(0L);
            writer.Write(frame.Length);
            writer.Write(frame.Length);
            writer.Write(frame);
        }

        return file.ToArray();
    }
}
