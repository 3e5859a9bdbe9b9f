using System.ComponentModel;
using System.Diagnostics;

namespace Vireo.Switch.Nat;

/// <summary>What gateways share: where they keep their files, and how they run programs.</summary>
/// <param name="StateFolder">Leases and settings.</param>
/// <param name="RunFolder">Process records.</param>
/// <param name="Clock">Clock.</param>
/// <param name="Log">Log.</param>
internal sealed record NatServices(string StateFolder, string RunFolder, TimeProvider Clock, ILogger Log)
{
    private static readonly string[] s_folders = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

    /// <summary>Absolute path of a program, or null when it is not installed.</summary>
    public static string? FindProgram(string name) => s_folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    /// <summary>Chooses a network that no route of this machine and no other switch uses.</summary>
    public IPv4Subnet ChooseSubnet(IEnumerable<IPv4Subnet?> others, Guid key)
    {
        var routes = SubnetChooser.ReadRoutes(File.ReadAllText("/proc/net/route"));
        return SubnetChooser.Choose([.. routes, .. others.OfType<IPv4Subnet>()], key);
    }

    /// <summary>Folder of one switch.</summary>
    public string FolderOf(Guid id) => Path.Combine(StateFolder, $"{id:N}");

    /// <summary>Removes the leases of a switch that is gone.</summary>
    public void Forget(Guid id)
    {
        if (Directory.Exists(FolderOf(id)))
        {
            Directory.Delete(FolderOf(id), recursive: true);
        }
    }

    /// <summary>Runs a program to its end.</summary>
    /// <exception cref="IOException">It is not installed, or ended with an error; the message holds what it said.</exception>
    public static async Task RunAsync(string name, string input, params string[] arguments)
    {
        var program = FindProgram(name) ?? throw new IOException($"The program '{name}' is not installed.");
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardError = true, UseShellExecute = false },
        };
        try
        {
            process.Start();
        }
        catch (Win32Exception exception)
        {
            throw new IOException($"The program '{program}' could not be started: {exception.Message}", exception);
        }

        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();

        // The process does not close what was read from it.
        using var errors = process.StandardError;
        var said = await errors.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new IOException($"The program '{program}' ended with {process.ExitCode}: {said.Trim()}");
        }
    }
}
