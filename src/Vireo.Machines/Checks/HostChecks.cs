using System.Globalization;
using Vireo.Machines.Accelerators;
using Vireo.Machines.Devices;
using Vireo.Machines.Running;
using Vireo.Platform.Processes;

namespace Vireo.Machines.Checks;

/// <summary>Looks at what machines need from this host.</summary>
/// <param name="probe">The accelerator's probe.</param>
/// <param name="qemuPath">QEMU.</param>
/// <param name="stateFolder">Folder of the host's state; its file system must have room.</param>
public sealed class HostChecks(AcceleratorProbe probe, string qemuPath, string stateFolder)
{
    private static readonly Version s_oldestQemu = new(7, 2);

    /// <summary>All checks, in the order in which things fail when a machine starts.</summary>
    public async Task<IReadOnlyList<HostCheck>> RunAsync(CancellationToken cancellationToken = default) =>
    [
        await CheckQemuAsync(cancellationToken).ConfigureAwait(false),
        CheckFirmware(),
        await CheckAcceleratorAsync(cancellationToken).ConfigureAwait(false),
        CheckMemory(File.ReadAllLines("/proc/meminfo")),
        CheckHugePages(File.ReadAllLines("/proc/meminfo")),
        CheckControlGroups(),
        CheckUser(),
        await CheckProgramAsync("nftables", ["/usr/sbin/nft", "/sbin/nft"], ["--version"], "Default Switch", cancellationToken).ConfigureAwait(false),
        await CheckProgramAsync("dnsmasq", ["/usr/sbin/dnsmasq"], ["--version"], "Default Switch", cancellationToken).ConfigureAwait(false),
        CheckSpace(),
    ];

    /// <summary>Judges the lines of <c>/proc/meminfo</c> (proc(5)).</summary>
    public static HostCheck CheckMemory(IReadOnlyList<string> lines)
    {
        var available = ReadKilobytes(lines, "MemAvailable:") << 10;
        var total = ReadKilobytes(lines, "MemTotal:") << 10;
        var found = $"{Size(available)} of {Size(total)} available";
        return available < 1L << 30
            ? new("Memory", CheckLevel.Warning, found, "Guests need memory: stop other work or add memory.")
            : new("Memory", CheckLevel.Ok, found);
    }

    /// <summary>Judges the lines of <c>/proc/meminfo</c> (proc(5)).</summary>
    public static HostCheck CheckHugePages(IReadOnlyList<string> lines)
    {
        var total = ReadKilobytes(lines, "HugePages_Total:");
        var size = ReadKilobytes(lines, "Hugepagesize:");
        return new("Huge pages", CheckLevel.Ok, total == 0 ? "none reserved; guests use ordinary pages" : $"{total} pages of {size} KB reserved");
    }

    private static long ReadKilobytes(IReadOnlyList<string> lines, string name)
    {
        var line = lines.FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal));
        return line is not null && long.TryParse(line.AsSpan(name.Length).Trim().ToString().Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0;
    }

    private static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.0} GB");

    private static HostCheck CheckFirmware() => FirmwareFiles.Find("") is { } firmware
        ? new("UEFI firmware", CheckLevel.Ok, firmware.CodePath)
        : new("UEFI firmware", CheckLevel.Failure, "not found; generation 2 virtual machines cannot start", "Install the package ovmf.");

    private static HostCheck CheckControlGroups()
    {
        var group = ControlGroup.Create("check");
        var found = group.Unavailable ?? string.Join(", ", group.Folders.Select(folder => Path.GetDirectoryName(folder)));
        group.TryRemove();
        return group.Unavailable is null
            ? new("Control groups", CheckLevel.Ok, found)
            : new("Control groups", CheckLevel.Warning, found, "Processor weights and limits of virtual machines have no effect; run as root where control groups can be written.");
    }

    private static HostCheck CheckUser()
    {
        if (Privileges.FindUser() is { } user)
        {
            return new("User of guests", CheckLevel.Ok, user);
        }

        return Environment.IsPrivilegedProcess
            ? new("User of guests", CheckLevel.Warning, "guests run as root, inside QEMU's sandbox", $"Create the user: adduser --system --group --no-create-home {Privileges.UsualUser}; add it to the group kvm.")
            : new("User of guests", CheckLevel.Ok, $"guests run as {Environment.UserName}");
    }

    private static async Task<HostCheck> CheckProgramAsync(
        string name, IReadOnlyList<string> paths, IReadOnlyList<string> arguments, string use, CancellationToken cancellationToken)
    {
        foreach (var path in paths)
        {
            var result = await ProgramRunner.RunAsync(path, arguments, TimeSpan.FromSeconds(10), cancellationToken).ConfigureAwait(false);
            if (result?.ExitCode == 0)
            {
                return new(name, CheckLevel.Ok, result.Output.Split('\n')[0].Trim());
            }
        }

        return new(name, CheckLevel.Failure, $"not found; the {use} needs it", $"Install the package {name}.");
    }

    private async Task<HostCheck> CheckQemuAsync(CancellationToken cancellationToken)
    {
        var text = await AcceleratorProbe.GetQemuVersionAsync(qemuPath, cancellationToken).ConfigureAwait(false);
        if (text is null)
        {
            return new("QEMU", CheckLevel.Failure, $"'{qemuPath}' cannot be run", "Install the package qemu-system-x86.");
        }

        return Version.TryParse(text, out var version) && version >= s_oldestQemu
            ? new("QEMU", CheckLevel.Ok, text)
            : new("QEMU", CheckLevel.Failure, $"{text} is too old", $"Install QEMU {s_oldestQemu} or later.");
    }

    private async Task<HostCheck> CheckAcceleratorAsync(CancellationToken cancellationToken)
    {
        try
        {
            var report = await probe.GetAsync(cancellationToken).ConfigureAwait(false);
            return report.Kind == AcceleratorKind.Kvm
                ? new("Accelerator", CheckLevel.Ok, $"KVM. {report.Reason}")
                : new("Accelerator", CheckLevel.Warning, $"TCG, many times slower than KVM. {report.Reason}", "Switch the processor's virtualization extensions on, or run on a machine that hands them through.");
        }
        catch (MachineException exception)
        {
            return new("Accelerator", CheckLevel.Failure, exception.Message, "Install the package qemu-system-x86.");
        }
    }

    private HostCheck CheckSpace()
    {
        var folder = stateFolder;
        while (!Directory.Exists(folder) && Path.GetDirectoryName(folder) is { } parent)
        {
            folder = parent;
        }

        var free = new DriveInfo(folder).AvailableFreeSpace;
        return free < 2L << 30
            ? new("Free space", CheckLevel.Warning, $"{Size(free)} below {stateFolder}", "Make room: disks and saved states grow.")
            : new("Free space", CheckLevel.Ok, $"{Size(free)} below {stateFolder}");
    }
}
