using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Pipeline;

public sealed class FrameParserTests
{
    private static string Captures => Path.Combine(
        Repository.SharedFolder ?? throw new InvalidOperationException("The captures made by others are missing: put the folder 'shared' beside the checkout."),
        "data", "captures");

    [Fact]
    public void Finds_headers_behind_tags()
    {
        var frame = Tcp(Station(2), Station(1), 100);
        Assert.True(FrameParser.TryParse(frame, HeaderDepth.Network, out var plain));
        Assert.Equal((0, 14, 34, 154), (plain.TagCount, plain.NetworkOffset, plain.TransportOffset, plain.NetworkEnd));
        var tagged = Tagged(Tagged(frame, 5), (3 << 13) | 77, FrameParser.ServiceTagProtocol);
        Assert.True(FrameParser.TryParse(tagged, HeaderDepth.Network, out var headers));
        Assert.Equal((2, 22, 42, 162), (headers.TagCount, headers.NetworkOffset, headers.TransportOffset, headers.NetworkEnd));
        Assert.Equal(((3 << 13) | 77, 5, FrameParser.ServiceTagProtocol), (headers.OuterTag, headers.InnerTag, headers.OuterTagProtocol));
        Assert.Equal((NetworkProtocol.IPv4, 6), (headers.Network, headers.TransportProtocol));
    }

    [Fact]
    public void Every_truncation_is_seen_and_none_reads_beyond_the_end()
    {
        foreach (var ipv6 in new[] { false, true })
        {
            var frame = Tagged(Tcp(Station(2), Station(1), 10, ipv6), 5);
            for (var length = 0; length < frame.Length; length++)
            {
                var whole = FrameParser.TryParse(frame.AsSpan(0, length), HeaderDepth.Network, out var headers);
                Assert.Equal(length >= 18, whole);
                Assert.True(headers.Has(FrameFlags.Malformed));
                Assert.InRange(headers.TransportOffset, 0, length);
            }
        }
    }

    [Theory]
    [InlineData("802.1ad_QinQ.pcap", 2, NetworkProtocol.None)]
    [InlineData("arp-who-has.pcap", 0, NetworkProtocol.Arp)]
    [InlineData("icmp_icmp6-router-advert.pcap", 0, NetworkProtocol.IPv6)]
    [InlineData("dhcp_dhcp.pcap", 0, NetworkProtocol.IPv4)]
    public void Agrees_with_what_a_capture_is_known_to_hold(string file, int tags, NetworkProtocol network)
    {
        var frame = CaptureFile.Read(Path.Combine(Captures, file))[0];
        Assert.True(FrameParser.TryParse(frame, HeaderDepth.Network, out var headers));
        Assert.Equal(tags, headers.TagCount);
        if (network != NetworkProtocol.None)
        {
            Assert.Equal(network, headers.Network);
        }
    }

    [Fact]
    [Requirement("SW-8")]
    public void Every_capture_made_by_others_passes_the_switch_unchanged_or_is_refused_with_a_reason()
    {
        var files = Directory.GetFiles(Captures, "*.pcap*");
        Assert.True(files.Length > 20);
        var replayed = 0;
        foreach (var frame in files.SelectMany(CaptureFile.Read))
        {
            var network = new TestSwitch();
            var (a, portA) = network.AddPort(PortPolicy.Uplink);
            var (b, _) = network.AddPort(PortPolicy.Uplink);
            var (c, _) = network.AddPort(vlan: 1234, new Vireo.Control.Switching.StageSpecification("Trace"));
            a.Inject(frame);
            Assert.Equal(0, c.Drain());
            if (b.TryTake() is { } arrived)
            {
                Assert.Equal(frame, arrived);
                Assert.Equal(0, portA.Dropped.Sum());
            }
            else
            {
                Assert.Equal(1, portA.Dropped.Sum());
            }

            replayed++;
        }

        Assert.True(replayed > 500);
    }
}
