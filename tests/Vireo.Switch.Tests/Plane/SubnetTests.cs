using Vireo.Switch.Nat;

namespace Vireo.Switch.Tests.Plane;

public sealed class SubnetTests
{
    private const string Routes = """
        Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
        eth0	00000000	010011AC	0003	0	0	0	00000000	0	0	0
        eth0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
        eth1	0000A8C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
        """;

    [Fact]
    public void Routes_are_read_and_the_default_route_is_none_of_them() =>
        Assert.Equal(["172.17.0.0/16", "192.168.0.0/24"], SubnetChooser.ReadRoutes(Routes).Select(route => route.ToString()));

    [Fact]
    public void A_chosen_network_overlaps_nothing_that_is_used_until_all_are()
    {
        var used = SubnetChooser.ReadRoutes(Routes).ToList();
        var random = new Random(7);
        for (var i = 0; i < 240; i++)
        {
            var key = new byte[16];
            random.NextBytes(key);
            var chosen = SubnetChooser.Choose(used, new Guid(key));
            Assert.StartsWith("172.", chosen.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain(used, other => other.Overlaps(chosen));
            used.Add(chosen);
        }

        Assert.Throws<InvalidOperationException>(() => SubnetChooser.Choose(used, Guid.NewGuid()));
    }

    [Fact]
    public void Leases_are_read_and_half_a_line_is_not()
    {
        var leases = LeaseFile.Read("1763720000 02:15:5d:00:00:02 172.20.0.77 client1 01:02:15:5d:00:00:02\n1763720000 02:15:5d:00:00:03 172.20.0.78 * *\n17637");
        Assert.Equal(["02155D000002", "02155D000003"], leases.Select(lease => lease.MacAddress));
        Assert.Equal(["client1", null], leases.Select(lease => lease.HostName));
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(1763720000), leases[0].Expires);
    }
}
