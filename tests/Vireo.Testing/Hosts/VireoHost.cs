using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Vireo.Testing.Guests;

namespace Vireo.Testing.Hosts;

/// <summary>What a command of the client printed, and how it ended.</summary>
public sealed record CommandOutput(string CommandLine, int ExitCode, string Output, string Error)
{
    /// <summary>Fails the test unless the command ended well; returns its output.</summary>
    public string Succeeded() => ExitCode == 0 ? Output : throw new InvalidOperationException($"{CommandLine} ended with {ExitCode}:\n{Output}\n{Error}");

    /// <summary>The objects that the command put out; for one that was run with <c>-Json</c>.</summary>
    public IReadOnlyList<JsonElement> Objects() =>
        Succeeded().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.Clone()).ToList();
}

/// <summary>The processes of a host that can be killed.</summary>
public enum Plane
{
    /// <summary><c>vireo-host</c>.</summary>
    Host,

    /// <summary><c>vireo-storage</c>.</summary>
    Storage,

    /// <summary><c>vireo-switch</c>.</summary>
    Switch,
}

/// <summary>
/// A complete host of its own: root folder, network namespace, the three planes as <c>vireo up</c> starts them from <c>out/</c>. Commands are typed
/// as a user types them. Disposing turns its machines off, stops it, and ends what is left of it by process id.
/// </summary>
public sealed class VireoHost : IAsyncDisposable
{
    private static readonly string s_programs = Path.Combine(Repository.Root, "out");
    private readonly TempFolder _folder = new();
    private readonly string _namespace;

    private readonly bool _sharedMemoryDisks;
    private readonly string? _name;

    private VireoHost(bool sharedMemoryDisks, string? name)
    {
        _sharedMemoryDisks = sharedMemoryDisks;
        _name = name;
        _namespace = Path.GetFileName(_folder.Path);
    }

    /// <summary>Root folder: <c>--root</c>.</summary>
    public string Root => _folder["h"];

    /// <summary>Its network namespace.</summary>
    public string Network => _namespace;

    /// <summary>A folder for the test's own files.</summary>
    public string Files => _folder["f"];

    /// <summary>Starts a host; returns when it answers.</summary>
    /// <param name="sharedMemoryDisks">Its hard disks on the SCSI bus share the guest's memory (vhost-user) also where the processor is emulated.</param>
    /// <param name="name">Its name; that of the computer when null.</param>
    public static async Task<VireoHost> StartAsync(bool sharedMemoryDisks = false, string? name = null)
    {
        if (!File.Exists(Path.Combine(s_programs, "vireo")))
        {
            throw new InvalidOperationException("The programs are not built: run './vireo build', or './test', which does it.");
        }

        var host = new VireoHost(sharedMemoryDisks, name);
        try
        {
            Directory.CreateDirectory(host.Root);
            Directory.CreateDirectory(host.Files);

            // Guests may run as another user: they must be able to walk down to their sockets.
            File.SetUnixFileMode(host._folder.Path, (UnixFileMode)0b111_101_101);
            Peer.Run("ip", "netns", "add", host._namespace);
            Peer.Run("ip", "-n", host._namespace, "link", "set", "lo", "up");
            await host.CheckAsync("up");
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs <c>vireo WORDS</c> to its end, whatever that is.</summary>
    public async Task<CommandOutput> RunAsync(params string[] words)
    {
        // Only the network and the name are the host's own: the control groups stay reachable, which they would not under 'ip netns exec'.
        string[] named = _name is null ? [] : ["unshare", "--uts", "sh", "-c", "hostname \"$0\" && exec \"$@\"", _name];
        return await ExecuteAsync("nsenter", [$"--net=/run/netns/{_namespace}", .. named, Path.Combine(s_programs, "vireo"), "--root", Root, .. words]);
    }

    /// <summary>Runs <c>vireo WORDS</c>, which must end well; returns what it printed.</summary>
    public async Task<string> CheckAsync(params string[] words) => (await RunAsync(words)).Succeeded();

    /// <summary>Runs a command, which must end well; returns the objects it put out.</summary>
    public async Task<IReadOnlyList<JsonElement>> QueryAsync(params string[] words) => (await RunAsync([.. words, "-Json"])).Objects();

    /// <summary>Runs a program of the machine in the host's network.</summary>
    public Task<CommandOutput> InNetworkAsync(string program, params string[] arguments) =>
        ExecuteAsync("nsenter", [$"--net=/run/netns/{_namespace}", program, .. arguments]);

    /// <summary>Makes a machine from the small guest's disk, connected to <paramref name="switchName"/>, and starts it unless told otherwise.</summary>
    public async Task<string> NewGuestAsync(string name, int generation = 2, bool isFixed = false, string? switchName = null, bool start = true)
    {
        var disk = Path.Combine(Files, $"{name}.vhdx");
        await Task.Run(() => GuestDisk.Build(disk, generation, isFixed, bounces: _sharedMemoryDisks));
        string[] connect = switchName is null ? [] : ["-SwitchName", switchName];
        await CheckAsync(["New-VM", "-Name", name, "-Generation", generation.ToString(CultureInfo.InvariantCulture), "-MemoryStartupBytes", "256MB", "-VHDPath", disk, .. connect]);
        if (start)
        {
            await CheckAsync("Start-VM", "-Name", name);
        }

        return disk;
    }

    /// <summary>The root shell of a running guest, on its first COM port.</summary>
    /// <param name="name">The machine.</param>
    /// <param name="limit">How long the guest may take to start.</param>
    /// <param name="isUp">It started somewhere else: what it said then is not in this console's log.</param>
    public async Task<SerialShell> ShellAsync(string name, TimeSpan? limit = null, bool isUp = false)
    {
        var id = (await QueryAsync("Get-VM", "-Name", name)).Single().GetProperty("Id").GetGuid();
        var folder = Path.Combine(Root, "run", "m", id.ToString("N"));
        return await SerialShell.OpenAsync(Path.Combine(folder, "com1"), isUp ? null : Path.Combine(folder, "com1.log"), limit);
    }

    /// <summary>What the process of a running machine was made of: its command line, for people.</summary>
    public async Task<string> CommandLineAsync(string name)
    {
        var id = (await QueryAsync("Get-VM", "-Name", name)).Single().GetProperty("Id").GetGuid();
        var process = Processes().Single(candidate => candidate.Words.Contains("-uuid", StringComparer.Ordinal) && candidate.Words.Contains(id.ToString(), StringComparer.Ordinal));
        return string.Join(' ', process.Words);
    }

    /// <summary>The state of a machine as <c>Get-VM</c> says it.</summary>
    public async Task<string> StateAsync(string name) => (await QueryAsync("Get-VM", "-Name", name)).Single().GetProperty("State").ToString();

    /// <summary>Process id of a plane.</summary>
    public int PlaneId(Plane plane)
    {
        var program = Path.Combine(s_programs, $"vireo-{plane.ToString().ToLowerInvariant()}");
        var found = Processes().Where(process => process.Words.Contains(program, StringComparer.Ordinal) && process.Words[0] == program).Select(process => process.Id).ToList();
        return found is [var id] ? id : throw new InvalidOperationException($"{found.Count} processes are the {plane} plane of {Root}.");
    }

    /// <summary>Ends a plane as a crash would (SIGKILL) and returns when it has been started again, as a new process.</summary>
    public async Task KillAsync(Plane plane)
    {
        var id = PlaneId(plane);
        Kill(id);
        await Wait.UntilAsync($"the {plane} plane started again after process {id} was killed", () =>
        {
            var program = Path.Combine(s_programs, $"vireo-{plane.ToString().ToLowerInvariant()}");
            return Processes().Any(process => process.Id != id && process.Words[0] == program);
        });
    }

    /// <summary>What the planes wrote to their log; for the message of a failed test.</summary>
    public string Log()
    {
        var path = Path.Combine(Root, "log", "serve.log");
        return File.Exists(path) ? string.Join('\n', File.ReadAllLines(path).TakeLast(40)) : "";
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        var left = new StringBuilder();
        await TryAsync(left, "Stop-VM", "*", "-TurnOff", "-Force");
        await TryAsync(left, "down");

        // Whatever carries this host's root folder in its command line is its own, and nobody else's.
        await Wait.UntilAsync($"the processes of {Root} ended", () =>
        {
            foreach (var (id, _) in Processes())
            {
                Kill(id);
            }

            return !Processes().Any();
        });
        Peer.TryRun("ip", "netns", "delete", _namespace);
        _folder.Dispose();
        if (left.Length > 0)
        {
            Console.Error.WriteLine($"The host {Root} did not end by itself:\n{left}");
        }
    }

    private async Task TryAsync(StringBuilder left, params string[] words)
    {
        try
        {
            var output = await RunAsync(words);
            if (output.ExitCode != 0)
            {
                left.AppendLine(output.Error);
            }
        }
        catch (Exception exception) when (exception is TimeoutException or InvalidOperationException)
        {
            left.AppendLine(exception.Message);
        }
    }

    private async Task<CommandOutput> ExecuteAsync(string program, IReadOnlyList<string> arguments)
    {
        var text = $"{program} {string.Join(' ', arguments)}";
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin";
        start.Environment.Remove("VIREO_ROOT");
        start.Environment["VIREO_EMULATED_DISKS"] = _sharedMemoryDisks ? "vhost-user" : "";
        using var process = Process.Start(start)!;
        process.StandardInput.Close();

        // Read to the end of the process, not of the pipes: something it left behind may hold those.
        var output = new StringBuilder();
        var error = new StringBuilder();
        process.OutputDataReceived += (_, line) => Append(output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(error, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException exception)
        {
            process.Kill();
            throw new TimeoutException($"{text} did not end within 5 minutes.", exception);
        }

        return new CommandOutput(text, process.ExitCode, output.ToString(), error.ToString());
    }

    private static void Append(StringBuilder text, string? line)
    {
        if (line is not null)
        {
            lock (text)
            {
                text.Append(line).Append('\n');
            }
        }
    }

    private static void Kill(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            process.Kill();
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            // It is gone already.
        }
    }

    // Processes of this host, but not the client that a test is running just now.
    private IEnumerable<(int Id, string[] Words)> Processes()
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id))
            {
                continue;
            }

            string text;
            try
            {
                text = File.ReadAllText(Path.Combine(folder, "cmdline"));
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                continue;
            }

            if (text.Contains(Root + "/", StringComparison.Ordinal) || text.Contains(Root + "\0", StringComparison.Ordinal))
            {
                yield return (id, text.Split('\0', StringSplitOptions.RemoveEmptyEntries));
            }
        }
    }
}
