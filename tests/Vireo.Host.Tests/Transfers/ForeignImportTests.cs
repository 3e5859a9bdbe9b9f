using System.Text;
using Vireo.Machines.HyperV;
using Vireo.Machines.Tests.HyperV;
using Vireo.Testing;

namespace Vireo.Host.Tests.Transfers;

/// <summary>An export of Hyper-V with its disks and a checkpoint becomes a machine that has both, and every loss is a line of its report.</summary>
public sealed class ForeignImportTests(HostFixture host) : IClassFixture<HostFixture>
{
    private const string Id = "0AA394FA-7C4A-4070-BA32-773D43B28A68";
    private const string CheckpointId = "2AA394FA-7C4A-4070-BA32-773D43B28A68";
    private const string Scsi = "D7A36E9B-9256-4F0D-BE2C-3A13887F7B03";

    [Theory]
    [InlineData("xml", 1)]
    [InlineData("vmcx", 2)]
    [Requirement("IM-5")]
    [Requirement("IM-3")]
    public async Task An_export_is_imported_with_its_checkpoint(string form, int generation)
    {
        var folder = host[$"export-{form}"];
        var disks = Path.Combine(folder, "Virtual Hard Disks");
        Directory.CreateDirectory(disks);
        var (disk, child) = (Path.Combine(disks, "System.vhdx"), Path.Combine(disks, "System_1AA394FA-7C4A-4070-BA32-773D43B28A69.avhdx"));
        await host.Client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = 64L << 20 });
        await DiskContent.WriteAsync(disk, "then");
        await host.Client.ObjectsAsync("New-VHD", new { Path = child, ParentPath = disk, Differencing = true });
        await DiskContent.WriteAsync(child, "now");
        var file = Path.Combine(folder, "Virtual Machines", $"{Id}.{form}");
        Write(file, Machine(generation, @"D:\VMs\web\Virtual Hard Disks\system_1AA394FA-7C4A-4070-BA32-773D43B28A69.avhdx", Id, "web", "Virtual Machines"));
        Write(Path.Combine(folder, "Snapshots", $"{CheckpointId}.{form}"), Machine(generation, @"D:\VMs\web\Virtual Hard Disks\System.vhdx", CheckpointId, "before", "Snapshots"));

        var report = Assert.Single(await host.Client.ObjectsAsync("Compare-VM", new { Path = folder, Copy = true, GenerateNewId = true, VirtualMachinePath = host[$"copy-{form}"], VhdDestinationPath = host[$"copy-{form}"] }));
        var found = report["Incompatibilities"]!.AsArray().Select(one => one!).ToList();
        Assert.Equal(["SavedStateVersion", "SwitchNotFound"], found.Where(one => (string)one["Severity"]! == "Error").Select(one => (string)one["Name"]!).Order());
        foreach (var (name, text) in new[] { ("DeviceUnsupported", "GPU"), ("SecurityDeviceDropped", "TPM"), ("ClusterRoleDropped", "web"), ("EmulatedDevicesAdvised", "virtio"), ("CheckpointPresent", "1 checkpoint") })
        {
            Assert.Contains(found, one => (string)one["Name"]! == name && ((string)one["Message"]!).Contains(text, StringComparison.Ordinal));
        }

        await host.Client.ObjectsAsync("Disconnect-VMNetworkAdapter", new { VMNetworkAdapter = found.Single(one => (string)one["Name"]! == "SwitchNotFound")["Source"] });
        await host.Client.ObjectsAsync("Remove-VMSavedState", new { VM = report["VM"] });
        var machine = Assert.Single(await host.Client.ObjectsAsync("Import-VM", new { CompatibilityReport = report }));
        Assert.Equal(("Off", generation, "before"), ((string)machine["State"]!, (int)machine["Generation"]!, (string)machine["ParentSnapshotName"]!));
        var drive = Assert.Single(machine["HardDrives"]!.AsArray())!;
        Assert.Equal("now", await DiskContent.ReadAsync((string)drive["Path"]!));
        await host.Client.ObjectsAsync("Restore-VMSnapshot", new { VMSnapshot = Assert.Single(await host.Client.ObjectsAsync("Get-VMSnapshot", new { VM = machine })) }, confirm: false);
        drive = Assert.Single(await host.Client.ObjectsAsync("Get-VMHardDiskDrive", new { VM = machine }));
        Assert.Equal("then", await DiskContent.ReadAsync((string)drive["Path"]!));
        await host.Client.ObjectsAsync("Remove-VM", new { VM = machine, Force = true });

        // Registered where it lies: its own files stay, and a folder that has both forms is one machine.
        report = Assert.Single(await host.Client.ObjectsAsync("Compare-VM", new { Path = file }));
        await host.Client.ObjectsAsync("Disconnect-VMNetworkAdapter", new { VMNetworkAdapter = report["VM"]!["NetworkAdapters"]![0] });
        await host.Client.ObjectsAsync("Remove-VMSavedState", new { VM = report["VM"] });
        machine = Assert.Single(await host.Client.ObjectsAsync("Import-VM", new { CompatibilityReport = report }));
        Assert.Equal(Id, ((string)machine["Id"]!).ToUpperInvariant());
        Assert.True(File.Exists(file));
        Assert.Equal("now", await DiskContent.ReadAsync(child));
        await host.Client.ObjectsAsync("Remove-VM", new { VM = machine, Force = true });
    }

    private static SettingsNode Machine(int generation, string disk, string id, string name, string type)
    {
        var drives = ForeignFixtures.Tree("controller0", ForeignFixtures.Drive("drive0", "VHD", disk));
        var root = ForeignFixtures.Tree("configuration",
            generation == 1 ? ForeignFixtures.Tree("_83f8638b-8dca-4152-9eda-2ca8b33039b4_", drives) : ForeignFixtures.Tree($"_{Scsi}_", drives),
            ForeignFixtures.Tree("_55225880-49c0-4438-9ce2-5a01402fd8cb_",
                ForeignFixtures.Tree("Connection", ForeignFixtures.Text("AltSwitchName", "nowhere")), ForeignFixtures.Flag("IsConnected", true), ForeignFixtures.Text("MacAddress", "00-15-5D-01-07-DC"),
                ForeignFixtures.Flag("MacAddressIsStatic", false), ForeignFixtures.Text("SwitchName", "438B7B13-6180-4155-B7BF-08709CCF234D")),
            ForeignFixtures.Tree("manifest",
                ForeignFixtures.Device(1, "d422512d-2bf2-4752-809d-7b82b5fcb1b4", Scsi, "Synthetic SCSI Controller"),
                ForeignFixtures.Device(2, "2fc216b0-d2e2-4967-9b6d-b8a5c9ca2778", "55225880-49C0-4438-9CE2-5A01402FD8CB", "Synthetic Ethernet Port"),
                ForeignFixtures.Device(3, "99dcd00c-fbd6-42d3-9dfd-1b5ad7058f61", Guid.NewGuid().ToString(), "GPU Partition"),
                ForeignFixtures.Device(4, "736e6aa9-a3f8-49c0-9550-a963214d259a", Guid.NewGuid().ToString(), "Microsoft Virtual TPM Device")),
            ForeignFixtures.Tree("global_settings", ForeignFixtures.Tree("snapshots", ForeignFixtures.Tree("list", ForeignFixtures.Number("size", 1)))),
            ForeignFixtures.Properties(id, name, generation - 1, type),
            ForeignFixtures.Tree("settings",
                ForeignFixtures.Tree("global", ForeignFixtures.Text("logical_id", Id)),
                ForeignFixtures.Tree("memory", ForeignFixtures.Tree("bank", ForeignFixtures.Number("size", 512), ForeignFixtures.Number("reservation", 512), ForeignFixtures.Number("limit", 1024))),
                ForeignFixtures.Tree("processors", ForeignFixtures.Number("count", 1))));
        if (type == "Virtual Machines")
        {
            root.Add(ForeignFixtures.Tree("savedstate", ForeignFixtures.Text("type", "Normal")));
        }

        return root;
    }

    private static void Write(string file, SettingsNode root)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, file.EndsWith(".xml", StringComparison.Ordinal) ? XmlSettingsWriter.Write(root, Encoding.Unicode, withMark: true) : BinarySettingsWriter.Write(root));
    }
}
