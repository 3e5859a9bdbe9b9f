using System.Collections;
using System.Globalization;
using Vireo.Control;
using Vireo.Platform;
using Vireo.Platform.Files;
using Vireo.Platform.Processes;

namespace Vireo.Host.Mounts;

/// <summary>
/// A block device made of an NBD address. Where the kernel has its NBD client, a process of the storage room connects that; elsewhere the process
/// shows the bytes as a file (FUSE, by <c>nbdfuse</c>), and a loop device of the kernel stands on that. The process lives on when host or plane
/// end, and waits for a plane that is started again.
/// </summary>
internal sealed class FileDevice(HostPaths paths, TimeProvider time)
{
    private const string KernelDevicePrefix = "/dev/nbd";
    private const string Announcement = "device ";
    private const int EndSignal = 15;
    private const int KillSignal = 9;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private static readonly string[] s_folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

    /// <summary>What a device is, for people.</summary>
    public static string MethodOf(string devicePath) => IsOfKernel(devicePath) ? "the kernel's NBD client" : "a loop device on a file that nbdfuse shows";

    /// <summary>What this computer lacks for it, in words; null when nothing.</summary>
    public static string? Missing() =>
        !Environment.IsPrivilegedProcess ? "the host does not run as root"
        : KernelNbdDevice.IsOffered ? null
        : Find("nbdfuse") is null ? "the program 'nbdfuse' is missing; install the package libnbd-bin (or nbdfuse)"
        : Find("losetup") is null ? "the program 'losetup' is missing; install the package util-linux (or mount)"
        : !File.Exists("/dev/fuse") ? "the kernel has no FUSE ('/dev/fuse'); load its module: modprobe fuse"
        : !File.Exists("/dev/loop-control") ? "the kernel has no loop devices ('/dev/loop-control'); load their module: modprobe loop"
        : null;

    /// <summary>Whether the device still is what <see cref="AttachAsync"/> made.</summary>
    public bool IsWhole(Guid id, string devicePath) =>
        (IsOfKernel(devicePath) ? KernelNbdDevice.IsServed(devicePath) : BlockDevices.LoopsOn(paths.MountFile(id)).Contains(devicePath)) && Holders(id).Any();

    /// <summary>Makes the device.</summary>
    /// <exception cref="IOException">A step failed; <see cref="DetachAsync"/> undoes those before it.</exception>
    public async Task<string> AttachAsync(Guid id, bool readOnly, int sectorBytes, CancellationToken cancellation)
    {
        var device = KernelNbdDevice.IsOffered ? await AttachToKernelAsync(id, readOnly, cancellation) : await AttachFileAsync(id, readOnly, sectorBytes, cancellation);

        // A kernel that reads no partition tables is told by those who do. Without a table there is nothing to tell.
        await RunAsync("partx", ["--update", device], cancellation);
        return device;
    }

    private async Task<string> AttachToKernelAsync(Guid id, bool readOnly, CancellationToken cancellation)
    {
        var log = paths.MountFile(id) + ".log";
        var ended = StartHolder(id, log, ["--device", .. (string[])(readOnly ? ["--read-only"] : [])]);
        string? device = null;
        if (!await UntilAsync(() => (device = Announced(log)) is not null || ended.IsCompleted, cancellation) || ended.IsCompleted)
        {
            throw new IOException($"the disk could not be made a device of the kernel's NBD client: {Tail(log)}");
        }

        return await UntilAsync(() => KernelNbdDevice.IsServed(device!), cancellation) ? device! : throw new IOException($"the kernel did not begin to serve '{device}'");
    }

    private async Task<string> AttachFileAsync(Guid id, bool readOnly, int sectorBytes, CancellationToken cancellation)
    {
        var file = paths.MountFile(id);
        var log = file + ".log";
        var ended = StartHolder(id, log, ["--file", file, .. (string[])(readOnly ? ["--read-only"] : [])]);
        if (!await UntilAsync(() => MountTable.IsMounted(file) || ended.IsCompleted, cancellation) || ended.IsCompleted)
        {
            throw new IOException($"the disk could not be shown as a file: {Tail(log)}");
        }

        var attached = await RunAsync(
            "losetup", ["--find", "--show", "--partscan", "--sector-size", sectorBytes.ToString(CultureInfo.InvariantCulture), .. (string[])(readOnly ? ["--read-only"] : []), file], cancellation);
        return attached.ExitCode == 0 ? attached.Output.Trim() : throw new IOException($"no loop device could be attached: {attached.Error.Trim()}");
    }

    private Task<ExitStatus> StartHolder(Guid id, string log, IEnumerable<string> options)
    {
        var identity = DetachedProcess.Start(new DetachedProcessOptions
        {
            Arguments =
            [
                Path.Combine(AppContext.BaseDirectory, "vireo-storage"), "serve", $"nbd+unix:///?socket={Uri.EscapeDataString(paths.MountSocket(id))}",
                "--socket", RelayOf(id), .. options,
            ],
            WorkingFolder = "/",
            LogPath = log,
            Environment = HolderEnvironment(),
        });
        var holder = ProcessHandle.TryOpen(identity);
        var ended = holder is null ? Task.FromResult(ExitStatus.Unknown) : holder.WaitForExitAsync(CancellationToken.None);
        _ = ended.ContinueWith(_ => holder?.Dispose(), TaskScheduler.Default);
        return ended;
    }

    /// <summary>Sends everything that was written to the image; false when somebody uses the device, and <paramref name="user"/> says who.</summary>
    public static bool TryFlush(string devicePath, bool readOnly, out string user)
    {
        user = BlockDevices.UserOf(devicePath) ?? string.Empty;
        if (user.Length > 0)
        {
            return false;
        }

        using var device = NativeFile.TryOpenUnused(devicePath, writable: !readOnly, out var error);
        if (error == Errno.Busy)
        {
            user = $"a program, or another mount namespace, uses '{devicePath}'";
            return false;
        }

        var flushed = device is null ? -error : readOnly ? 0 : device.Flush();
        return flushed >= 0 ? true : throw new IOException($"what was written to '{devicePath}' could not be sent to the disk: {Errno.Describe((int)-flushed)}");
    }

    /// <summary>Takes away whatever there is of a device, also of one that was never finished.</summary>
    /// <exception cref="IOException">The device is in use.</exception>
    public async Task DetachAsync(Guid id, CancellationToken cancellation)
    {
        var file = paths.MountFile(id);
        foreach (var device in BlockDevices.LoopsOn(file))
        {
            await RunAsync("losetup", ["--detach", device], cancellation);
        }

        // In use, the kernel takes a loop device away when its last user goes.
        if (!await UntilAsync(() => BlockDevices.LoopsOn(file).Count == 0, cancellation))
        {
            throw new IOException($"the device {string.Join(", ", BlockDevices.LoopsOn(file))} is still in use");
        }

        foreach (var holder in Holders(id))
        {
            await EndAsync(holder);
        }

        if (MountTable.IsMounted(file))
        {
            await RunAsync("umount", ["--lazy", file], cancellation);
        }

        foreach (var left in (string[])[file, RelayOf(id), file + ".log"])
        {
            File.Delete(left);
        }
    }

    private static bool IsOfKernel(string devicePath) => devicePath.StartsWith(KernelDevicePrefix, StringComparison.Ordinal);

    private string RelayOf(Guid id) => paths.MountFile(id) + ".relay";

    // By the socket that it has: nobody else has its name, and a host that died had no time to write a process id down.
    private IEnumerable<ProcessIdentity> Holders(Guid id)
    {
        var relay = RelayOf(id);
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var processId) && ProcessIdentity.Find(processId) is { } process
                && process.ReadCommandLine() is var line && line.Contains("--socket") && line.Contains(relay))
            {
                yield return process;
            }
        }
    }

    private static async Task EndAsync(ProcessIdentity process)
    {
        using var handle = ProcessHandle.TryOpen(process);
        if (handle is null)
        {
            return;
        }

        handle.Signal(EndSignal);
        var ended = handle.WaitForExitAsync(CancellationToken.None);
        try
        {
            await ended.WaitAsync(s_patience);
        }
        catch (TimeoutException)
        {
            handle.Signal(KillSignal);
            await ended;
        }
    }

    private async Task<bool> UntilAsync(Func<bool> condition, CancellationToken cancellation)
    {
        var begun = time.GetTimestamp();
        while (!condition())
        {
            if (time.GetElapsedTime(begun) > s_patience)
            {
                return false;
            }

            await Task.Delay(s_pause, time, cancellation);
        }

        return true;
    }

    private static string? Announced(string log) =>
        File.Exists(log) && File.ReadLines(log).FirstOrDefault(static line => line.StartsWith(Announcement, StringComparison.Ordinal)) is { } line ? line[Announcement.Length..].Trim() : null;

    private static string Tail(string log)
    {
        var lines = File.Exists(log) ? File.ReadAllLines(log) : [];
        return lines.Length == 0 ? "it said nothing" : string.Join(" ", lines.TakeLast(4));
    }

    private static async Task<ProgramResult> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellation) =>
        await ProgramRunner.RunAsync(Find(program) ?? program, arguments, s_patience, cancellation) ?? new ProgramResult(null, string.Empty, $"the program '{program}' is missing");

    private static string? Find(string program) => s_folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    // Where the runtime is, and nothing else of ours.
    private static List<string> HolderEnvironment() =>
    [
        $"PATH={string.Join(':', s_folders)}", "LANG=C.UTF-8",
        .. Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Where(variable => ((string)variable.Key).StartsWith("DOTNET_", StringComparison.Ordinal))
            .Select(variable => $"{variable.Key}={variable.Value}"),
    ];
}
