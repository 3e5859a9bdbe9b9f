using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>A guest that takes its time to shut down keeps nobody else from working.</summary>
public sealed class ShuttingDownTests(HostFixture host) : IClassFixture<HostFixture>
{
    [Fact]
    [Requirement("VM-2")]
    [Requirement("SW-1")]
    public async Task A_switch_is_removed_while_a_machine_on_it_shuts_down()
    {
        // The firmware alone: nobody there hears the power button.
        await host.Client.ObjectsAsync("New-VMSwitch", new { Name = "slow", SwitchType = "Private" });
        await host.Client.ObjectsAsync("New-VM", new { Name = "slow", MemoryStartupBytes = 32 << 20, SwitchName = "slow", NoVHD = true });
        await host.Client.ObjectsAsync("Start-VM", new { Name = "slow" });
        var stopping = host.Client.RunAsync("Stop-VM", new { Name = "slow" });
        await Wait.UntilAsync("the machine to be shutting down", async () => await StateAsync() == "Stopping");
        await host.Client.ObjectsAsync("Remove-VMSwitch", new { Name = "slow", Force = true });
        Assert.False(stopping.IsCompleted);
        Assert.Equal("Stopping", await StateAsync());
        Assert.Equal("", (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapter", new { VMName = "slow" }))["SwitchName"]);

        await host.Client.ObjectsAsync("Stop-VM", new { Name = "slow", TurnOff = true });
        Assert.Contains(await stopping, record => (string?)record["record"] == "error");
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "slow", Force = true });
    }

    private async Task<string?> StateAsync() => (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "slow" }))["State"];
}
