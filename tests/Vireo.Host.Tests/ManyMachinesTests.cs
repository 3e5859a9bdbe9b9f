using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>Two hundred machines on one host.</summary>
public sealed class ManyMachinesTests : IDisposable
{
    private const int Count = 200;
    private readonly TempFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Fact]
    [Requirement("VM-2")]
    public async Task GetVM_lists_them_by_wildcard_also_after_a_restart()
    {
        await using (var first = await PlaneProcess.StartAsync("host", _root.Path))
        {
            using var client = new HostClient(_root.Path);
            for (var i = 0; i < Count; i++)
            {
                await client.ObjectsAsync("New-VM", new { Name = $"vm{i:D3}" });
            }

            await CheckAsync(client);
            await first.KillAsync();
        }

        await using var second = await PlaneProcess.StartAsync("host", _root.Path);
        using var again = new HostClient(_root.Path);
        await CheckAsync(again);
    }

    private static async Task CheckAsync(HostClient client)
    {
        var all = await client.ObjectsAsync("Get-VM", new { });
        Assert.Equal(Enumerable.Range(0, Count).Select(i => $"vm{i:D3}"), all.Select(machine => (string)machine["Name"]!));
        Assert.Equal(10, (await client.ObjectsAsync("Get-VM", new { Name = "vm05*" })).Count);
        Assert.Equal(3, (await client.ObjectsAsync("Get-VM", new { Name = "vm19[7-9]" })).Count);
        Assert.Empty(await client.ObjectsAsync("Get-VM", new { Name = "none*" }));
    }
}
