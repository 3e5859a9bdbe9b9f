using Vireo.Testing;
using Vireo.Testing.Hosts;

namespace Vireo.SystemTests.Scenarios;

/// <summary>A guest that stands still keeps what it has: its disks while it is paused, its memory while it is saved.</summary>
[Collection(KillCollection.Name)]
public sealed class PausedAndSavedTests(SystemHost system)
{
    [Fact]
    [Requirement("VM-2")]
    [Requirement("VM-10")]
    public async Task AGuestGoesOnAfterPauseSaveAndTheDeathOfItsHost()
    {
        var host = system.Host;
        const string Name = "still";
        await host.NewGuestAsync(Name, generation: 2);
        await host.CheckAsync("Wait-VM", "-Name", Name, "-For", "Heartbeat", "-Timeout", "180");
        await host.CheckAsync("Suspend-VM", "-Name", Name);
        Assert.Equal("Paused", await host.StateAsync(Name));

        // Starting a paused machine resumes it, and starting one that runs does not touch what it needs.
        await host.CheckAsync("Start-VM", "-Name", Name);
        await host.CheckAsync("Start-VM", "-Name", Name);
        Assert.Equal("Running", await host.StateAsync(Name));
        await using (var shell = await host.ShellAsync(Name))
        {
            await shell.CheckAsync("dd if=/dev/urandom of=/data/after bs=1M count=4 && sync && echo 3 > /proc/sys/vm/drop_caches && sha256sum /data/after");
        }

        await host.CheckAsync("Save-VM", "-Name", Name);
        Assert.Equal("Saved", await host.StateAsync(Name));
        var refused = await host.RunAsync("Remove-VMHardDiskDrive", "-VMName", Name, "SCSI", "0", "0");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("InvalidState", refused.Error, StringComparison.Ordinal);

        await host.KillAsync(Plane.Host);
        await Wait.UntilAsync("the host to answer again", async () => (await host.RunAsync("Get-VM")).ExitCode == 0, details: host.Log);
        Assert.Equal("Saved", await host.StateAsync(Name));
        await host.CheckAsync("Start-VM", "-Name", Name);
        await host.CheckAsync("Wait-VM", "-Name", Name, "-For", "Heartbeat", "-Timeout", "180");

        // It went on: a guest that starts anew says so on its console.
        var id = (await host.QueryAsync("Get-VM", "-Name", Name)).Single().GetProperty("Id").GetGuid();
        var console = Path.Combine(host.Root, "run", "m", id.ToString("N"), "com1.log");
        Assert.DoesNotContain("vireo-guest ready", await File.ReadAllTextAsync(console), StringComparison.Ordinal);

        // Turning a saved machine off throws its memory away; its next start is a new one.
        await host.CheckAsync("Save-VM", "-Name", Name);
        await host.CheckAsync("Stop-VM", "-Name", Name, "-TurnOff");
        Assert.Equal("Off", await host.StateAsync(Name));
        Assert.Empty(Directory.EnumerateFiles(host.Root, "*.state", SearchOption.AllDirectories));
        await host.CheckAsync("Remove-VM", "-Name", Name, "-Force");
    }
}
