using Vireo.Control.Storage;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>The storage below a disk that shares its guest's memory fails and recovers: the machine says so, is not put away meanwhile, and goes on by itself.</summary>
public sealed class StalledDiskTests
{
    [Fact]
    [Requirement("VD-10")]
    [Requirement("VM-9")]
    public async Task A_machine_whose_disk_cannot_be_read_is_critical_until_it_can()
    {
        using var root = new TempFolder();
        File.SetUnixFileMode(root.Path, (UnixFileMode)0b111_101_101);
        using var network = new NetworkNamespace();
        await using var storage = await PlaneProcess.StartAsync("storage", root.Path, networkNamespace: network.Name);
        await using var switching = await PlaneProcess.StartAsync("switch", root.Path, networkNamespace: network.Name);
        await using var host = await PlaneProcess.StartAsync("host", root.Path, networkNamespace: network.Name, variable: ("VIREO_EMULATED_DISKS", "vhost-user"));
        using var client = new HostClient(root.Path);
        await Wait.UntilAsync("the host to be ready", async () => (string?)(await client.GetAsync("api/health"))["status"] == "ready", TimeSpan.FromSeconds(60), () => host.Log);
        await client.ObjectsAsync("New-VM", new { Name = "reader", Generation = 2, MemoryStartupBytes = 128 << 20, NewVHDPath = root["reader.vhdx"], NewVHDSizeBytes = 64 << 20, Path = root.Path });
        await client.ObjectsAsync("Start-VM", new { Name = "reader" });
        try
        {
            var plane = new StorageControlClient(root["run/storage.sock"]);
            var disk = Assert.Single(await plane.ListDisksAsync()).Attachment;
            Assert.Equal(FrontEndKind.VhostUserBlock, disk.FrontEnd);
            await plane.InsertLayerAsync(disk.Id, new LayerSpecification("broken", "fault", Settings: new Dictionary<string, string> { ["status"] = "NoSpace" }));

            // Its firmware looks for something to start.
            await client.ObjectsAsync("Restart-VM", new { Name = "reader", Force = true });
            await StateAsync("RunningCritical");
            Assert.Contains("There is no room", (string)(await MachineAsync())["Status"]!, StringComparison.Ordinal);
            var refused = await client.ErrorAsync("Save-VM", new { Name = "reader" });
            Assert.Contains(root["reader.vhdx"], (string)refused["message"]!, StringComparison.Ordinal);
            await client.ObjectsAsync("Suspend-VM", new { Name = "reader" });
            await client.ObjectsAsync("Resume-VM", new { Name = "reader" });
            await StateAsync("RunningCritical");
            await plane.RemoveLayerAsync(disk.Id, "broken");
            await StateAsync("Running");
        }
        finally
        {
            await client.RunAsync("Stop-VM", new { Name = "reader", TurnOff = true });
        }

        async Task<System.Text.Json.Nodes.JsonNode> MachineAsync() => Assert.Single(await client.ObjectsAsync("Get-VM", new { Name = "reader" }));

        async Task StateAsync(string state)
        {
            var now = "";
            await Wait.UntilAsync($"the machine to be {state}", async () => (now = (string)(await MachineAsync())["State"]!) == state, TimeSpan.FromMinutes(2), () => $"{now}\n{host.Log}");
        }
    }
}
