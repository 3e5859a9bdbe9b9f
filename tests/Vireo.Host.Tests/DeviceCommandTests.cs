using System.Diagnostics;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>Devices and firmware of machines by command: what is set is there, what cannot be is refused with its reason.</summary>
public sealed class DeviceCommandTests(HostFixture host) : IClassFixture<HostFixture>
{
    [Fact]
    [Requirement("VM-1")]
    [Requirement("VM-5")]
    [Requirement("VM-6")]
    [Requirement("VM-11")]
    [Requirement("PS-1")]
    public async Task Firmware_module_screen_and_kind_of_devices_are_set_and_a_machine_starts_with_them()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "secure", Generation = 2, MemoryStartupBytes = 128 << 20, NoVHD = true });
        var firmware = Assert.Single(await host.Client.ObjectsAsync("Set-VMFirmware", new { VMName = "secure", EnableSecureBoot = "On", SecureBootTemplate = "microsoftUEFICertificateAuthority", Passthru = true }));
        Assert.Equal("On", (string?)firmware["SecureBoot"]);
        Assert.Equal("MicrosoftUEFICertificateAuthority", (string?)firmware["SecureBootTemplate"]);
        Assert.Equal("272e7447-90a4-4563-a4b9-8e4ab00526ce", (string?)firmware["SecureBootTemplateId"]);
        await RefusedAsync("NotSupported", "OpenSourceShieldedVM", "Set-VMFirmware", new { VMName = "secure", SecureBootTemplate = "OpenSourceShieldedVM" });
        await host.Client.ObjectsAsync("Enable-VMTPM", new { VMName = "secure" });
        Assert.True((bool)Assert.Single(await host.Client.ObjectsAsync("Get-VMSecurity", new { VMName = "secure" }))["TpmEnabled"]!);
        await RefusedAsync("NotSupported", "Host Guardian Service", "Set-VMSecurityPolicy", new { VMName = "secure", Shielded = true });
        await RefusedAsync("NotSupported", "encrypted file system", "Set-VMSecurity", new { VMName = "secure", EncryptStateAndVmMigrationTraffic = true });
        await RefusedAsync("InvalidParameter", "made by another host", "Set-VMKeyProtector", new { VMName = "secure", KeyProtector = Convert.ToBase64String(new byte[61]) });
        await host.Client.ObjectsAsync("Set-VMKeyProtector", new { VMName = "secure", NewLocalKeyProtector = true });
        var protector = Assert.Single(await host.Client.ObjectsAsync("Get-VMKeyProtector", new { VMName = "secure" }));
        Assert.True((bool)protector["IsUsable"]!);
        var video = Assert.Single(await host.Client.ObjectsAsync(
            "Set-VMVideo", new { VMName = "secure", ResolutionType = "Single", HorizontalResolution = 1920, VerticalResolution = 1080, Passthru = true }));
        Assert.Equal(1920, (int)video["HorizontalResolution"]!);
        await RefusedAsync("InvalidParameter", "64000", "Set-VMVideo", new { VMName = "secure", HorizontalResolution = 64000 });
        Assert.Equal("Single", (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VMVideo", new { VMName = "secure" }))["ResolutionType"]);

        // All of it in a process, which is the guests' user's; what the module keeps is nobody else's.
        await host.Client.ObjectsAsync("Start-VM", new { Name = "secure" });
        var machine = Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "secure" }));
        var state = Path.Combine((string)machine["Path"]!, "Virtual Machines", $"{(string)machine["Id"]!}.tpm");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(state));
        Assert.True(File.Exists(Path.ChangeExtension(state, ".secure.nvram")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(host["guardian.key"]));
        Assert.Empty(Directory.GetFiles(host["run"], "*.tpm.key", SearchOption.AllDirectories));
        await RefusedAsync("InvalidState", "turn it off", "Disable-VMTPM", new { VMName = "secure" });
        await RefusedAsync("InvalidState", "turn it off", "Set-VM", new { Name = "secure", DeviceModel = "Emulated" });
        await RefusedAsync("InvalidState", "turn it off", "Set-VMVideo", new { VMName = "secure", ResolutionType = "Default" });
        await host.Client.ObjectsAsync("Debug-VM", new { Name = "secure", InjectNonMaskableInterrupt = true, Force = true });
        Assert.Single(Modules());
        await host.Client.ObjectsAsync("Stop-VM", new { Name = "secure", TurnOff = true });
        await Wait.UntilAsync("the module to end with its machine", () => Modules().Count == 0);
        await RefusedAsync("InvalidState", "runs", "Debug-VM", new { Name = "secure", InjectNonMaskableInterrupt = true, Force = true });

        // The module reads what it kept with the same key, and nobody without it does.
        await RefusedAsync("InvalidState", "would be lost", "Set-VMKeyProtector", new { VMName = "secure", NewLocalKeyProtector = true });
        var copy = host["copy.tpm"];
        File.Copy(state, copy);
        Assert.Contains("swtpm: Error", Peer.TryRun("sh", "-c", $"timeout 30 swtpm socket --tpm2 --tpmstate backend-uri=file://{copy} --server type=unixio,path={copy}.s --ctrl type=unixio,path={copy}.c --flags not-need-init,startup-clear 2>&1").Output, StringComparison.Ordinal);
        await host.Client.ObjectsAsync("Start-VM", new { Name = "secure" });
        await host.Client.ObjectsAsync("Stop-VM", new { Name = "secure", TurnOff = true });
        File.Move(host["guardian.key"], host["guardian.away"]);
        await RefusedAsync("Unspecified", "guardian key", "Start-VM", new { Name = "secure" });
        Assert.False((bool)Assert.Single(await host.Client.ObjectsAsync("Get-VMKeyProtector", new { VMName = "secure" }))["IsUsable"]!);
        File.Move(host["guardian.away"], host["guardian.key"]);
        await host.Client.ObjectsAsync("Disable-VMTPM", new { VMName = "secure" });
        await host.Client.ObjectsAsync("Set-VMFirmware", new { VMName = "secure", EnableSecureBoot = "Off" });

        var emulated = Assert.Single(await host.Client.ObjectsAsync("Set-VM", new { Name = "secure", DeviceModel = "Emulated", GuestFamily = "Windows", Passthru = true }));
        Assert.Equal("Emulated", (string?)emulated["DeviceModel"]);
        Assert.Equal("Windows", (string?)emulated["GuestFamily"]);
        await host.Client.ObjectsAsync("Start-VM", new { Name = "secure" });
        await host.Client.ObjectsAsync("Stop-VM", new { Name = "secure", TurnOff = true });
        Assert.Equal("Synthetic", (string?)Assert.Single(await host.Client.ObjectsAsync("Set-VM", new { Name = "secure", DeviceModel = "Synthetic", Passthru = true }))["DeviceModel"]);
        var version = Assert.Single(await host.Client.ObjectsAsync("Get-VMHostSupportedVersion", new { Default = true }));
        Assert.Equal((string?)version["Version"], (string?)Assert.Single(await host.Client.ObjectsAsync("Update-VMVersion", new { Name = "secure", Force = true, Passthru = true }))["Version"]);
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "secure", Force = true });
        Assert.False(File.Exists(state));

        List<string> Modules() => [.. Process.GetProcessesByName("swtpm").Select(process => Words(process.Id)).Where(words => words.Contains(host["run"], StringComparison.Ordinal))];
    }

    [Fact]
    [Requirement("VM-5")]
    public async Task Generation_1_has_no_module_and_emulated_controllers_hold_few_disks()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "old", Generation = 1, MemoryStartupBytes = 64 << 20, NoVHD = true });
        await RefusedAsync("InvalidParameter", "generation 1", "Enable-VMTPM", new { VMName = "old" });
        for (var place = 0; place < 7; place++)
        {
            await host.Client.ObjectsAsync("New-VHD", new { Path = host[$"old{place}.vhdx"], SizeBytes = 16 << 20 });
            await host.Client.ObjectsAsync("Add-VMHardDiskDrive", new { VMName = "old", ControllerType = "SCSI", Path = host[$"old{place}.vhdx"] });
        }

        await RefusedAsync("InvalidParameter", "6 drives", "Set-VM", new { Name = "old", DeviceModel = "Emulated" });
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "old", Force = true });
    }

    [Fact]
    [Requirement("VM-5")]
    public async Task A_machine_starts_from_its_floppy_disk()
    {
        // What the BIOS puts at 0:7C00: the text byte by byte to the first serial port, then rest.
        byte[] program = [0x31, 0xC0, 0x8E, 0xD8, 0xBE, 0x15, 0x7C, 0xBA, 0xF8, 0x03, 0xAC, 0x84, 0xC0, 0x74, 0x03, 0xEE, 0xEB, 0xF8, 0xF4, 0xEB, 0xFD, .. "started from the floppy\n\0"u8];
        await host.Client.ObjectsAsync("New-VFD", new { Path = host["boot.vfd"] });
        using (var disk = File.OpenWrite(host["boot.vfd"]))
        {
            disk.Write(program);
            disk.Position = 510;
            disk.Write([0x55, 0xAA]);
        }

        await host.Client.ObjectsAsync("New-VM", new { Name = "floppy", Generation = 1, MemoryStartupBytes = 64 << 20, NoVHD = true });
        Assert.Equal("", (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VMFloppyDiskDrive", new { VMName = "floppy" }))["Path"]);
        await host.Client.ObjectsAsync("New-VHD", new { Path = host["no.vhdx"], SizeBytes = 16 << 20 });
        await RefusedAsync("InvalidParameter", ".vfd", "Set-VMFloppyDiskDrive", new { VMName = "floppy", Path = host["no.vhdx"] });
        var drive = Assert.Single(await host.Client.ObjectsAsync("Set-VMFloppyDiskDrive", new { VMName = "floppy", Path = host["boot.vfd"], Passthru = true }));
        Assert.Equal(host["boot.vfd"], (string?)drive["Path"]);
        await host.Client.ObjectsAsync("Set-VMBios", new { VMName = "floppy", StartupOrder = new[] { "Floppy", "CD", "IDE", "LegacyNetworkAdapter" } });
        await host.Client.ObjectsAsync("Start-VM", new { Name = "floppy" });
        var machine = Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "floppy" }));
        var log = host[Path.Combine("run", "m", Guid.Parse((string)machine["Id"]!).ToString("N"), "com1.log")];
        await Wait.UntilAsync("the guest to greet", () => File.Exists(log) && File.ReadAllText(log).Contains("started from the floppy", StringComparison.Ordinal));
        await RefusedAsync("InvalidState", "turn it off", "Set-VMFloppyDiskDrive", new { VMFloppyDiskDrive = drive, Path = (string?)null });
        await host.Client.ObjectsAsync("Stop-VM", new { Name = "floppy", TurnOff = true });
        await host.Client.ObjectsAsync("Set-VMFloppyDiskDrive", new { VMFloppyDiskDrive = drive, Path = (string?)null });
        Assert.Equal("", (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "floppy" }))["FloppyDrive"]!["Path"]);

        // An image that is gone is told before anything starts.
        await host.Client.ObjectsAsync("Set-VMFloppyDiskDrive", new { VMName = "floppy", Path = host["boot.vfd"] });
        File.Delete(host["boot.vfd"]);
        await RefusedAsync("Unspecified", "floppy disk drive does not exist", "Start-VM", new { Name = "floppy" });
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "floppy", Force = true });
    }

    [Fact]
    [Requirement("PS-1")]
    public async Task Groups_hold_machines_or_groups_and_never_themselves()
    {
        var machine = Assert.Single(await host.Client.ObjectsAsync("New-VM", new { Name = "member", Generation = 1, MemoryStartupBytes = 64 << 20, NoVHD = true }));
        var web = Assert.Single(await host.Client.ObjectsAsync("New-VMGroup", new { Name = "web", GroupType = "VMCollectionType" }));
        var all = Assert.Single(await host.Client.ObjectsAsync("New-VMGroup", new { Name = "all", GroupType = "ManagementCollectionType" }));
        var filled = Assert.Single(await host.Client.ObjectsAsync("Add-VMGroupMember", new { Name = "web", VM = new[] { machine }, Passthru = true }));
        Assert.Equal("member", (string?)Assert.Single(filled["VMMembers"]!.AsArray())!["Name"]);
        await host.Client.ObjectsAsync("Add-VMGroupMember", new { VMGroup = all, VMGroupMember = new[] { web } });
        await RefusedAsync("InvalidParameter", "holds virtual machines", "Add-VMGroupMember", new { Name = "web", VMGroupMember = new[] { all } });
        await RefusedAsync("InvalidParameter", "itself", "Add-VMGroupMember", new { Name = "all", VMGroupMember = new[] { all } });
        await host.Client.ObjectsAsync("Rename-VMGroup", new { Name = new[] { "web" }, NewName = "front" });
        Assert.Equal("front", (string?)Assert.Single(Assert.Single(await host.Client.ObjectsAsync("Get-VMGroup", new { Name = new[] { "all" } }))["VMGroupMembers"]!.AsArray())!["Name"]);
        await RefusedAsync("ObjectNotFound", "'web'", "Get-VMGroup", new { Name = new[] { "web" } });

        // A machine that is gone is in no group.
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "member", Force = true });
        Assert.Empty(Assert.Single(await host.Client.ObjectsAsync("Get-VMGroup", new { Name = new[] { "front" } }))["VMMembers"]!.AsArray());
        await host.Client.ObjectsAsync("Remove-VMGroupMember", new { Name = "all", VMGroupMember = new[] { web } });
        await host.Client.ObjectsAsync("Remove-VMGroup", new { Name = "front", Force = true });
        Assert.Equal("all", (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VMGroup", new { }))["Name"]);
        await host.Client.ObjectsAsync("Remove-VMGroup", new { Name = "all", Force = true });
    }

    private async Task RefusedAsync(string errorId, string words, string command, object parameters)
    {
        var error = await host.Client.ErrorAsync(command, parameters);
        Assert.Equal(errorId, (string?)error["errorId"]);
        Assert.Contains(words, (string?)error["message"], StringComparison.Ordinal);
    }

    private static string Words(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline");
        }
        catch (IOException)
        {
            return "";
        }
    }
}
