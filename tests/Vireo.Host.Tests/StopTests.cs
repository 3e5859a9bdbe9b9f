using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>A host that is asked to end does so without a word of complaint.</summary>
public sealed class StopTests
{
    [Fact]
    public async Task AHostWithMachinesEndsWhenAsked()
    {
        using var root = new TempFolder();
        await using var host = await PlaneProcess.StartAsync("host", root.Path);
        using var client = new HostClient(root.Path);
        await client.ObjectsAsync("New-VM", new { Name = "one" });
        await client.ObjectsAsync("Get-VM", new { });
        Assert.True(await host.StopAsync() == 0, host.Log);
    }
}
