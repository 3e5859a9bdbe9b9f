using Vireo.Machines.Configuration;

namespace Vireo.Machines.Tests;

/// <summary>Two policies are equal when they say the same, so that a machine that was found again is not changed for nothing.</summary>
public sealed class AdapterPolicyTests
{
    [Fact]
    public void Policies_that_say_the_same_are_equal()
    {
        Assert.Equal(Full(), Full());
        Assert.Equal(Full().GetHashCode(), Full().GetHashCode());
        Assert.Equal(new NetworkAdapterConfiguration { Id = Guid.Empty, Policy = Full() }, new NetworkAdapterConfiguration { Id = Guid.Empty, Policy = Full() });
    }

    [Fact]
    public void Policies_that_differ_in_one_thing_are_not()
    {
        foreach (var property in typeof(AdapterPolicyConfiguration).GetProperties().Where(property => property.CanWrite))
        {
            var other = Full();
            property.SetValue(other, property.GetValue(new AdapterPolicyConfiguration()));
            Assert.True(Full() != other, property.Name);
        }
    }

    private static AdapterPolicyConfiguration Full() => new()
    {
        VlanMode = AdapterVlanMode.Trunk,
        AllowedVlanIds = [1, 2],
        NativeVlanId = 3,
        PrimaryVlanId = 4,
        SecondaryVlanIds = [5],
        MacAddressSpoofing = true,
        DhcpGuard = true,
        RouterGuard = true,
        PortMirroring = "Source",
        StormLimit = 6,
        MaximumBandwidth = 7,
        IeeePriorityTag = true,
        AllowTeaming = true,
        Acls = [new("Deny", "Both", null, "10.0.0.0/8")],
        ExtendedAcls = [new(true, "Inbound", 8, null, null, "80", null, "TCP", true, 0)],
        MinimumBandwidthWeight = 9,
        MinimumBandwidthAbsolute = 10,
        IsolationMode = "Vlan",
        DefaultIsolationId = 11,
        AllowUntaggedTraffic = true,
        VmqWeight = 12,
        ExtensionFeatures = [new(Guid.Empty, Guid.Empty, "{}")],
    };
}
