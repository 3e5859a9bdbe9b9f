using Vireo.Testing;
using Vireo.Testing.Hosts;

namespace Vireo.SystemTests.Scenarios;

/// <summary>Trust between hosts, with the commands that a user types.</summary>
public sealed class TrustTests
{
    [Fact]
    [Trait("Category", "Long")]
    [Requirement("LM-7")]
    public async Task Two_hosts_come_to_trust_each_other_and_one_is_removed()
    {
        await using var hosts = await TwoVireoHosts.StartAsync();
        Assert.Contains("beta", await hosts.First.CheckAsync("trust"), StringComparison.Ordinal);
        var list = await hosts.Second.CheckAsync("trust", "list");
        Assert.Contains("alpha", list, StringComparison.Ordinal);
        Assert.Contains($"{NetworkLink.SecondAddress}:6600", list, StringComparison.Ordinal);

        var strange = await hosts.Second.RunAsync("trust", "join", "vireo-nonsense");
        Assert.NotEqual(0, strange.ExitCode);
        Assert.Contains("[InvalidParameter]", strange.Error, StringComparison.Ordinal);

        await hosts.Second.CheckAsync("trust", "renew");
        Assert.Contains("no longer", await hosts.First.CheckAsync("trust", "remove", "beta"), StringComparison.Ordinal);
        var refused = await hosts.Second.RunAsync("trust", "renew");
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("removed", refused.Error, StringComparison.Ordinal);
        Assert.Contains("removed", await hosts.First.CheckAsync("events"), StringComparison.Ordinal);
    }
}
