using Vireo.Testing;
using Vireo.Testing.Guests;

namespace Vireo.SystemTests.Scenarios;

/// <summary>A guest boots from a VHDX through the storage plane, and other readers find what it wrote.</summary>
[Collection(SystemCollection.Name)]
public sealed class BootTests(SystemHost system)
{
    [Theory]
    [Requirement("VM-1")]
    [Requirement("VM-2")]
    [Requirement("VM-6")]
    [Requirement("VM-8")]
    [Requirement("VD-1")]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public async Task BothGenerationsBootFromBothKindsOfVhdxAndOthersReadWhatTheGuestWrote(int generation, bool isFixed)
    {
        var host = system.Host;
        var name = $"boot{generation}{(isFixed ? "fixed" : "dynamic")}";
        var disk = await host.NewGuestAsync(name, generation, isFixed);
        Assert.Equal("Running", await host.StateAsync(name));
        await host.CheckAsync("Wait-VM", "-Name", name, "-For", "Heartbeat", "-Timeout", "180");

        await using (var shell = await host.ShellAsync(name))
        {
            await shell.CheckAsync("seq 200000 > /data/numbers && dd if=/dev/urandom of=/data/random bs=1M count=24 && sha256sum /data/random | cut -c1-64 > /data/sum && sync");
        }

        await host.CheckAsync("Stop-VM", "-Name", name);
        Assert.Equal("Off", await host.StateAsync(name));

        Peer.Run("qemu-img", "check", disk);
        Assert.Contains(isFixed ? "Fixed" : "Dynamic", Peer.Run("vhdiinfo", disk), StringComparison.Ordinal);
        using var folder = new TempFolder();
        var raw = folder["disk.raw"];
        Peer.Run("qemu-img", "convert", "-O", "raw", disk, raw);
        Assert.EndsWith("\n199999\n200000\n", GuestDisk.ReadFile(raw, "/data/numbers"), StringComparison.Ordinal);
        Assert.Equal(64, GuestDisk.ReadFile(raw, "/data/sum").Trim().Length);

        await host.CheckAsync("Remove-VM", "-Name", name, "-Force");
        Assert.True(File.Exists(disk), "Removing a machine leaves its disks.");
    }
}
