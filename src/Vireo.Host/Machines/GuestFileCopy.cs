using Vireo.Commands.Support;
using Vireo.Machines.GuestAgents;
using Vireo.Platform.Files;

namespace Vireo.Host.Machines;

/// <summary>
/// Copies single files between the host and a guest, through the guest's agent. The file appears under its name when it is complete, on either side.
/// </summary>
/// <param name="agent">The guest's agent.</param>
/// <param name="machine">Name of the machine, for errors.</param>
internal sealed class GuestFileCopy(IGuestAgent agent, string machine)
{
    // A guest that sends without end must not fill the host.
    private const long MaximumBytes = 1L << 40;

    /// <summary>From the host into the guest.</summary>
    public async Task ToGuestAsync(string source, string destination, bool createPath, bool force, Action<string, int> progress, CancellationToken cancellation)
    {
        await using var content = OpenSource(source);
        if (!force && await agent.HasFileAsync(destination, cancellation))
        {
            throw Errors.Exists($"The guest of '{machine}' has a file '{destination}' already; use -Force to replace it.", destination);
        }

        var isWindows = IsWindowsPath(destination);
        if (createPath && ParentOf(destination, isWindows) is { } folder)
        {
            await RunAsync(isWindows ? WindowsCommand("if", "not", "exist", folder, "mkdir", folder) : new GuestCommand("/bin/mkdir", "-p", "--", folder), cancellation);
        }

        var partial = $"{destination}.vireo-{Guid.NewGuid():N}";
        var total = Math.Max(1, content.Length);
        try
        {
            await agent.WriteFileAsync(partial, content, new Told(bytes => progress($"{bytes >> 20} of {total >> 20} MB", (int)(bytes * 100 / total))), cancellation);
            await RunAsync(isWindows ? WindowsCommand("move", "/y", partial, destination) : new GuestCommand("/bin/mv", "-f", "--", partial, destination), cancellation);
        }
        catch
        {
            await TryRemoveAsync(partial, isWindows);
            throw;
        }
    }

    /// <summary>From the guest to the host.</summary>
    public async Task FromGuestAsync(string source, string destination, bool createPath, bool force, Action<string, int> progress, CancellationToken cancellation)
    {
        if (!force && Path.Exists(destination))
        {
            throw Errors.Exists($"The file '{destination}' exists already; use -Force to replace it.", destination);
        }

        var folder = Path.GetDirectoryName(destination)!;
        if (createPath)
        {
            Directory.CreateDirectory(folder);
        }
        else if (!Directory.Exists(folder))
        {
            throw Errors.NotFound($"The folder '{folder}' does not exist; use -CreateFullPath to make it.", folder);
        }

        await AtomicFile.WriteAsync(
            destination, content => agent.ReadFileAsync(source, content, MaximumBytes, new Told(bytes => progress($"{bytes >> 20} MB", -1)), cancellation));
    }

    private static FileStream OpenSource(string source)
    {
        try
        {
            return new FileStream(source, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw Errors.NotFound($"The file '{source}' cannot be read: {refused.Message}", source);
        }
    }

    private static bool IsWindowsPath(string path) => path.Length > 2 && char.IsAsciiLetter(path[0]) && path[1] == ':';

    private static string? ParentOf(string path, bool isWindows)
    {
        var at = isWindows ? path.LastIndexOfAny(['\\', '/']) : path.LastIndexOf('/');
        return at > (isWindows ? 2 : 0) ? path[..at] : null;
    }

    private static GuestCommand WindowsCommand(params string[] words) => new("cmd.exe", ["/d", "/c", .. words]);

    // These take a moment and say next to nothing; a guest for which that is not so is not waited for.
    private static GuestCommand Bounded(GuestCommand command) => command with { Patience = TimeSpan.FromMinutes(1), MaximumOutputBytes = 1 << 16 };

    private async Task RunAsync(GuestCommand command, CancellationToken cancellation)
    {
        var result = await agent.ExecuteAsync(Bounded(command), cancellation);
        if (result.ExitCode != 0)
        {
            throw Errors.State($"The guest of '{machine}' refused to run '{command.Path} {string.Join(' ', command.Arguments)}': {System.Text.Encoding.UTF8.GetString(result.Error).Trim()}", machine);
        }
    }

    private async Task TryRemoveAsync(string partial, bool isWindows)
    {
        try
        {
            await agent.ExecuteAsync(Bounded(isWindows ? WindowsCommand("del", partial) : new GuestCommand("/bin/rm", "-f", "--", partial)), CancellationToken.None);
        }
        catch (Vireo.Machines.MachineException)
        {
            // The guest is gone, or its agent is: the error that led here says so.
        }
    }

    /// <summary>Reports at once, in order.</summary>
    private sealed class Told(Action<long> tell) : IProgress<long>
    {
        public void Report(long value) => tell(value);
    }
}
