using System.Net;
using Vireo.Commands.Services;
using Vireo.Host.Machines;
using Vireo.Machines.GuestAgents;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>What is taken from a guest's list of its interfaces.</summary>
public sealed class GuestAddressTests
{
    [Fact]
    [Requirement("VM-8")]
    public void The_loopback_interface_is_nobodys_address()
    {
        var table = GuestWatch.ByAdapter(
        [
            Interface("lo", "000000000000", "127.0.0.1", "::1"),
            Interface("eth0", "00155D000001", "fe80::1", "127.0.0.2"),
            Interface("eth1", "00155D000002"),
        ]);

        Assert.Equal(["fe80::1"], Assert.Single(table, pair => pair.Key == "00155D000001").Value);
        Assert.Single(table);
        Assert.False(MachineStatus.IsReachable(table));
    }

    [Fact]
    [Requirement("VM-8")]
    public void Ipv4_comes_first_and_makes_a_guest_reachable()
    {
        var table = GuestWatch.ByAdapter([Interface("lo", "", "127.0.0.1"), Interface("eth0", "00155D000001", "fe80::1", "10.0.0.5")]);

        Assert.Equal(["10.0.0.5", "fe80::1"], table["00155D000001"]);
        Assert.True(MachineStatus.IsReachable(table));
    }

    private static GuestInterface Interface(string name, string mac, params string[] addresses) =>
        new(name, mac, [.. addresses.Select(address => new GuestAddress(IPAddress.Parse(address), 8))]);
}
