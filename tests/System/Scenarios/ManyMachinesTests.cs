using System.Globalization;
using Vireo.Testing;

namespace Vireo.SystemTests.Scenarios;

/// <summary>Two hundred machines are listed as easily as two.</summary>
[Collection(SystemCollection.Name)]
public sealed class ManyMachinesTests(SystemHost system)
{
    private const int Count = 200;

    [Fact]
    [Requirement("VM-1")]
    [Requirement("VM-3")]
    public async Task TwoHundredMachinesAreListedFilteredAndRemoved()
    {
        var host = system.Host;
        await Parallel.ForEachAsync(Enumerable.Range(1, Count), new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (number, _) =>
            await host.CheckAsync("New-VM", "-Name", string.Create(CultureInfo.InvariantCulture, $"many{number:000}"), "-MemoryStartupBytes", "64MB", "-NoVHD"));
        Assert.Equal(Count, (await host.QueryAsync("Get-VM", "many*")).Count);
        Assert.Equal(10, (await host.QueryAsync("Get-VM", "many01?")).Count);
        Assert.Equal(3, (await host.QueryAsync("Get-VM", "many001,many00[23]")).Count);
        var table = await host.CheckAsync("Get-VM", "many*");
        Assert.Equal(Count, table.Split('\n').Count(line => line.StartsWith("many", StringComparison.Ordinal)));

        // A host that starts again knows them all.
        await host.KillAsync(Vireo.Testing.Hosts.Plane.Host);
        await Wait.UntilAsync("the host answers again", async () => (await host.RunAsync("Get-VM", "many001")).ExitCode == 0, details: host.Log);
        Assert.Equal(Count, (await host.QueryAsync("Get-VM", "many*")).Count);

        await host.CheckAsync("Remove-VM", "many*", "-Force");
        Assert.Empty(await host.QueryAsync("Get-VM", "many*"));
    }
}
