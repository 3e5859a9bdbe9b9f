using Vireo.Testing;
using Vireo.Testing.Guests;

namespace Vireo.SystemTests.Guests;

/// <summary>The test vehicles themselves: a guest boots from plain sectors in a bare QEMU, takes commands and leaves a readable disk.</summary>
[Collection(SystemCollection.Name)]
public sealed class PlainGuestTests
{
    [Theory]
    [Trait("Category", "Long")]
    [InlineData(1, "ide")]
    [InlineData(2, "virtio")]
    public async Task AGuestBootsTakesCommandsAndLeavesACleanDisk(int generation, string bus)
    {
        using var folder = new TempFolder();
        var disk = folder["disk.raw"];
        GuestDisk.Build(disk, generation);
        await using (var guest = await PlainGuest.StartAsync(new PlainGuestOptions(generation) { Arguments = ["-drive", $"file={disk},format=raw,if={bus}", "-nic", "user,model=virtio-net-pci"] }))
        {
            Assert.Equal("guest", await guest.Shell.CheckAsync("hostname"));
            Assert.Equal(3, (await guest.Shell.RunAsync("exit_with() { return 3; }; exit_with")).ExitCode);
            Assert.Contains("10.0.2.15", await guest.Shell.CheckAsync("n=0; until ip address show eth0 | grep 'inet '; do n=$((n+1)); [ $n -lt 300 ] || exit 1; usleep 100000; done"), StringComparison.Ordinal);
            await guest.Shell.CheckAsync("echo written inside > /data/message");
            await guest.PowerOffAsync();
        }

        Assert.Equal("written inside\n", GuestDisk.ReadFile(disk, "/data/message"));
    }

    [Theory]
    [Requirement("VD-1")]
    [InlineData(1, "ide", false)]
    [InlineData(2, "virtio", true)]
    public async Task AVhdxMadeHereBootsInQemuItself(int generation, string bus, bool isFixed)
    {
        using var folder = new TempFolder();
        var disk = folder["disk.vhdx"];
        GuestDisk.Build(disk, generation, isFixed);
        await using (var guest = await PlainGuest.StartAsync(new PlainGuestOptions(generation) { Arguments = ["-drive", $"file={disk},format=vhdx,if={bus}"] }))
        {
            await guest.Shell.CheckAsync("seq 100000 > /data/numbers");
            await guest.PowerOffAsync();
        }

        Peer.Run("qemu-img", "check", disk);
        Peer.Run("qemu-img", "convert", "-O", "raw", disk, folder["disk.raw"]);
        Assert.EndsWith("\n99999\n100000\n", GuestDisk.ReadFile(folder["disk.raw"], "/data/numbers"), StringComparison.Ordinal);
    }
}
