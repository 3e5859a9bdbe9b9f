using System.Diagnostics;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.GuestAgents;
using Vireo.Machines.States;
using Vireo.Testing;
using Vireo.Testing.Guests;

namespace Vireo.Machines.Tests;

/// <summary>Generation 2 with secure boot and a trusted platform module (swtpm), seen from inside a guest whose boot files are signed for it.</summary>
public sealed class SecureGuestTests
{
    // The keys that Debian's firmware brings for tests: the certificate is enrolled in its own set of variables, the private key is public.
    private const string SnakeOilVariables = "/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd";
    private const string SnakeOilKey = "/usr/share/ovmf/PkKek-1-snakeoil.key";
    private const string SnakeOilCertificate = "/usr/share/ovmf/PkKek-1-snakeoil.pem";

    [Fact]
    [Trait("Category", "Long")]
    [Requirement("VM-1")]
    public async Task Only_a_signed_guest_starts_and_its_module_lives_and_ends_with_the_machine()
    {
        await using var test = await TestMachine.CreateAsync();
        GuestDisk.Build(test["guest.raw"], generation: 2);
        using (var plain = await ServedDisk.NbdAsync(test[""], test["guest.raw"], "plain"))
        {
            Describe(test, plain.Socket, FirmwareFiles.Find(test["microsoft"], isSecure: true)!);
            await test.Machine.StartAsync(test.Start, Until.Token);
            await Until.TrueAsync(() => test.Machine.ReadConsole(1, 100).Any(line => line.Contains("Access Denied", StringComparison.Ordinal)), "the firmware refuses a loader that nobody signed");
            await test.Machine.TurnOffAsync();
        }

        Sign(test, "EFI/BOOT/BOOTX64.EFI");
        Sign(test, "vmlinuz");
        using var disk = await ServedDisk.NbdAsync(test[""], test["guest.raw"], "signed");
        Describe(test, disk.Socket, FirmwareFiles.Find(test["variables"], isSecure: true)! with { VariablesTemplatePath = SnakeOilVariables });
        await test.Machine.StartAsync(test.Start, Until.Token);
        await HeartbeatAsync(test);
        var guest = test.Machine.GuestAgent;
        Assert.Contains("Secure boot enabled", await AskAsync(guest, "dmesg"), StringComparison.OrdinalIgnoreCase);

        // The firmware has measured what it started.
        Assert.Equal("2", await AskAsync(guest, "cat /sys/class/tpm/tpm0/tpm_version_major"));
        var measured = await AskAsync(guest, "cat /sys/class/tpm/tpm0/pcr-sha256/4");
        Assert.Equal(64, measured.Length);
        Assert.NotEqual(new string('0', 64), measured);

        var module = Modules(test).Single();
        await test.Machine.SaveAsync(test["state"]);
        await Until.TrueAsync(() => !Modules(test).Any(), "the module ends with QEMU");
        await test.Machine.StartAsync(test.Start with { SavedStatePath = test["state"] }, Until.Token);
        await HeartbeatAsync(test);
        Assert.Equal(measured, await AskAsync(guest, "cat /sys/class/tpm/tpm0/pcr-sha256/4"));
        Assert.NotEqual(module, Modules(test).Single());

        // Another host adopts the machine; then QEMU is killed, and nothing of it stays.
        await test.Machine.DisposeAsync();
        await test.OpenAsync();
        Assert.Equal(MachineState.Running, test.Machine.Status.State);
        Process.GetProcessById(test.Machine.Status.ProcessId!.Value).Kill();
        await Until.TrueAsync(() => test.Machine.Status.State == MachineState.Off && !Modules(test).Any(), "machine and module are gone");
        Assert.True(new FileInfo(test["tpm.state"]).Length > 0);
    }

    [Fact]
    [Requirement("VM-11")]
    public async Task What_a_secure_machine_lacks_is_said_before_it_starts()
    {
        await using var test = await TestMachine.CreateAsync();
        Describe(test, test.DiskSocket, FirmwareFiles.Find(test["variables"])!);
        test.Plan = test.Plan with { Tpm = new(test["tpm.state"], "/missing/swtpm") };
        var problems = MachineValidator.Validate(test.Configuration, test.Plan);
        Assert.Contains(problems, problem => problem.Contains("/missing/swtpm", StringComparison.Ordinal) && problem.Contains("Disable-VMTPM", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("EnableSecureBoot Off", StringComparison.Ordinal));
        Assert.Equal(2, problems.Count);

        // A module that does not come up is an error with its own words, and leaves nothing.
        test.Plan = test.Plan with { Firmware = FirmwareFiles.Find(test["variables"], isSecure: true), Tpm = new(test["tpm.state"], "/bin/false") };
        var refused = await Assert.ThrowsAsync<MachineException>(() => test.Machine.StartAsync(test.Start, Until.Token));
        Assert.Contains("trusted platform module", refused.Message, StringComparison.Ordinal);
        Assert.Equal(MachineState.Off, test.Machine.Status.State);
    }

    [Fact]
    [Requirement("VM-6")]
    public async Task Screen_and_secure_boot_are_on_the_command_line()
    {
        await using var test = await TestMachine.CreateAsync();
        Describe(test, test.DiskSocket, FirmwareFiles.Find(test["variables"], isSecure: true)!);
        test.Configuration = test.Configuration with { Video = new() { Resolution = VideoResolution.Single, Horizontal = 3840, Vertical = 2160 } };
        var text = MachineCommandLine.Build(test.Configuration, test.Plan).ToString();
        Assert.Contains("-device VGA,id=screen,bus=pcie.0,addr=0x2,xmax=3840,ymax=2160,xres=3840,yres=2160,vgamem_mb=32", text, StringComparison.Ordinal);
        Assert.Contains("pflash1=firmware-variables,smm=on", text, StringComparison.Ordinal);
        Assert.Contains("-global driver=cfi.pflash01,property=secure,value=on", text, StringComparison.Ordinal);
        Assert.Contains("-device tpm-crb,tpmdev=tpm", text, StringComparison.Ordinal);
    }

    private static void Describe(TestMachine test, string socket, FirmwareFiles firmware)
    {
        test.Configuration = test.Configuration with
        {
            Generation = 2,
            SecureBootEnabled = true,
            TpmEnabled = true,
            Memory = new() { StartupBytes = 256 << 20 },
            Drives = [new() { Id = test.DriveId, Kind = DriveKind.HardDisk, Bus = DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 0, Path = "guest" }],
        };
        test.Plan = test.Plan with { Firmware = firmware, Tpm = new(test["tpm.state"]), Drives = [new(test.DriveId, DriveTransport.Nbd, socket)] };
    }

    /// <summary>Signs a file of the boot partition, which starts at 1 MB (guests/lib/disk.sh).</summary>
    private static void Sign(TestMachine test, string file)
    {
        var partition = $"{test["guest.raw"]}@@1M";
        Peer.Run("openssl", "rsa", "-in", SnakeOilKey, "-passin", "pass:snakeoil", "-out", test["key"]);
        Peer.Run("mcopy", "-o", "-i", partition, $"::/{file}", test["unsigned"]);
        Peer.Run("sbsign", "--key", test["key"], "--cert", SnakeOilCertificate, "--output", test["signed"], test["unsigned"]);
        Peer.Run("mcopy", "-o", "-i", partition, test["signed"], $"::/{file}");
    }

    private static List<int> Modules(TestMachine test) => [.. Process.GetProcessesByName("swtpm").Where(process => Words(process.Id).Contains(test.RunFolder, StringComparison.Ordinal)).Select(process => process.Id)];

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

    private static async Task HeartbeatAsync(TestMachine test) =>
        await Until.TrueAsync(() => test.Machine.Status.Heartbeat == HeartbeatStatus.OkApplicationsUnknown, "the guest's agent answers");

    private static async Task<string> AskAsync(IGuestAgent guest, string command)
    {
        var result = await guest.ExecuteAsync(new("/bin/sh", "-c", command));
        return System.Text.Encoding.UTF8.GetString(result.Output).Trim();
    }
}
