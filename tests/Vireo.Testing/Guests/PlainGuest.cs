using System.Diagnostics;
using System.Globalization;

namespace Vireo.Testing.Guests;

/// <summary>What a <see cref="PlainGuest"/> is made of.</summary>
/// <param name="Generation">1: pc with SeaBIOS; 2: q35 with OVMF.</param>
public sealed record PlainGuestOptions(int Generation)
{
    /// <summary>Memory, shared through a memfd so that a vhost-user back end can reach it.</summary>
    public int MemoryMegabytes { get; init; } = 256;

    /// <summary>Virtual processors.</summary>
    public int Processors { get; init; } = 1;

    /// <summary>Disks and network devices: QEMU's own options.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>How long it may take until the guest is up.</summary>
    public TimeSpan BootLimit { get; init; } = TimeSpan.FromMinutes(3);
}

/// <summary>
/// A guest in a bare emulated QEMU, without any part of Vireo around it: for tests of one plane against a real driver. The test gives the
/// devices; <see cref="Shell"/> looks from inside.
/// </summary>
public sealed class PlainGuest : IAsyncDisposable
{
    private readonly TempFolder _folder;
    private readonly Process _process;
    private readonly Task<string> _errors;

    private PlainGuest(TempFolder folder, Process process)
    {
        _folder = folder;
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>The guest's root shell.</summary>
    public SerialShell Shell { get; private set; } = null!;

    /// <summary>QEMU's control socket.</summary>
    public string QmpSocket => _folder["qmp"];

    /// <summary>What the guest wrote to its console.</summary>
    public string ConsoleLog => _folder["console.log"];

    /// <summary>Starts a guest and returns when its shell answers.</summary>
    public static async Task<PlainGuest> StartAsync(PlainGuestOptions options)
    {
        var folder = new TempFolder();
        PlainGuest? guest = null;
        try
        {
            var start = new ProcessStartInfo("qemu-system-x86_64", Arguments(options, folder)) { UseShellExecute = false, RedirectStandardError = true };
            guest = new PlainGuest(folder, Process.Start(start)!);
            var shell = SerialShell.OpenAsync(folder["serial"], folder["console.log"], options.BootLimit);
            if (await Task.WhenAny(shell, guest._process.WaitForExitAsync()) != shell)
            {
                throw new InvalidOperationException($"QEMU ended with {guest._process.ExitCode} before the guest was up: {await guest._errors}");
            }

            guest.Shell = await shell;
            return guest;
        }
        catch
        {
            if (guest is null)
            {
                folder.Dispose();
            }
            else
            {
                await guest.DisposeAsync();
            }

            throw;
        }
    }

    /// <summary>Lets the guest power itself off and returns when QEMU has ended: everything it wrote is in the disks.</summary>
    public async Task PowerOffAsync()
    {
        await Shell.TypeAsync("poweroff");
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await _process.WaitForExitAsync(limit.Token);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Shell is not null)
        {
            await Shell.DisposeAsync();
        }

        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
        _folder.Dispose();
    }

    private static List<string> Arguments(PlainGuestOptions options, TempFolder folder)
    {
        var memory = options.MemoryMegabytes.ToString(CultureInfo.InvariantCulture);
        List<string> arguments =
        [
            "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none", "-m", memory, "-smp", options.Processors.ToString(CultureInfo.InvariantCulture),
            "-object", $"memory-backend-memfd,id=ram,size={memory}M,share=on",
            "-machine", options.Generation == 1 ? "pc,memory-backend=ram" : "q35,memory-backend=ram",
            "-chardev", $"socket,id=serial,path={folder["serial"]},server=on,wait=off,logfile={folder["console.log"]}", "-serial", "chardev:serial",
            "-qmp", $"unix:{folder["qmp"]},server=on,wait=off",
        ];
        if (options.Generation == 2)
        {
            File.Copy("/usr/share/OVMF/OVMF_VARS_4M.fd", folder["variables"]);
            arguments.AddRange(["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd", "-drive", $"if=pflash,format=raw,file={folder["variables"]}"]);
        }

        arguments.AddRange(options.Arguments);
        return arguments;
    }
}
