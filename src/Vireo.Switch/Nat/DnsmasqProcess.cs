using System.ComponentModel;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Vireo.Platform.Files;
using Vireo.Platform.Processes;
using Vireo.Platform.Testing;
using Vireo.Switch.Plane;

namespace Vireo.Switch.Nat;

/// <summary>Which process serves a gateway, and with which settings it was started.</summary>
/// <param name="Process">The process.</param>
/// <param name="Settings">Text of its settings file.</param>
internal sealed record DnsmasqRecord(ProcessIdentity Process, string Settings);

/// <summary>
/// A dnsmasq of our own for one gateway: DHCP and DNS on one interface only. It outlives the plane when that is killed, and is found
/// again by process id, start time and boot id; when it dies it is started again.
/// </summary>
internal sealed partial class DnsmasqProcess(NatServices services, Guid id) : IDisposable
{
    private const int Terminate = 15;
    private const int Kill = 9;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _gate = new(1);
    private ProcessHandle? _handle;
    private ITimer? _restart;
    private string? _wanted;
    private string? _running;

    private string Folder => services.FolderOf(id);

    private string SettingsPath => Path.Combine(Folder, "dnsmasq.conf");

    private string SettingsArgument => $"--conf-file={SettingsPath}";

    private string LogPath => Path.Combine(Folder, "dnsmasq.log");

    private string RecordPath => Path.Combine(services.RunFolder, $"{id:N}.json");

    /// <summary>Where the leases are.</summary>
    public string LeasesPath => Path.Combine(Folder, "leases");

    /// <summary>Sees to it that dnsmasq runs with <paramref name="settings"/>.</summary>
    /// <exception cref="IOException">It cannot be started.</exception>
    public async Task EnsureAsync(string settings)
    {
        await _gate.WaitAsync();
        try
        {
            _wanted = settings;
            if (_handle is null && ReadRecord() is { } record && ProcessHandle.TryOpen(record.Process) is { } found)
            {
                Adopt(found, record.Settings);
            }

            if (_handle is not null && _running == settings)
            {
                return;
            }

            await EndAsync();
            await EndStrayAsync();
            Start(settings);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Ends it.</summary>
    public async Task StopAsync()
    {
        await _gate.WaitAsync();
        try
        {
            _wanted = null;
            if (_handle is null && ReadRecord() is { } record && ProcessHandle.TryOpen(record.Process) is { } found)
            {
                Adopt(found, record.Settings);
            }

            await EndAsync();
            await EndStrayAsync();
            AtomicFile.Delete(RecordPath);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _restart?.Dispose();
        _handle?.Dispose();
    }

    private void Start(string settings)
    {
        var program = NatServices.FindProgram("dnsmasq") ?? throw new IOException("The program 'dnsmasq' is not installed, so guests get no addresses; install 'dnsmasq-base'.");
        Directory.CreateDirectory(Folder);
        Directory.CreateDirectory(services.RunFolder);
        File.WriteAllText(SettingsPath, settings);
        File.Delete(LogPath);
        ProcessIdentity identity;
        try
        {
            identity = DetachedProcess.Start(new DetachedProcessOptions
            {
                Arguments = [program, SettingsArgument],
                WorkingFolder = Folder,
                LogPath = LogPath,
            });
        }
        catch (Win32Exception exception)
        {
            throw new IOException($"dnsmasq could not be started: {exception.Message}", exception);
        }

        CrashPoint.Hit("switch.nat.started");
        AtomicFile.Write(RecordPath, JsonSerializer.SerializeToUtf8Bytes(new DnsmasqRecord(identity, settings), PlaneJson.Default.DnsmasqRecord));
        Adopt(ProcessHandle.TryOpen(identity) ?? throw new IOException($"dnsmasq ended at once; see '{LogPath}'."), settings);
    }

    private void Adopt(ProcessHandle handle, string settings)
    {
        _handle = handle;
        _running = settings;
        _ = WatchAsync(handle);
    }

    private async Task WatchAsync(ProcessHandle handle)
    {
        var status = await handle.WaitForExitAsync();
        await _gate.WaitAsync();
        try
        {
            if (_handle != handle)
            {
                return;
            }

            _handle.Dispose();
            _handle = null;
            if (_wanted is not null)
            {
                LogEnded(status.ToString()!, LogPath);
                _restart?.Dispose();
                _restart = services.Clock.CreateTimer(_ => _ = RestartAsync(), null, s_pause, Timeout.InfiniteTimeSpan);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task RestartAsync()
    {
        if (_wanted is { } wanted)
        {
            try
            {
                await EnsureAsync(wanted);
            }
            catch (IOException exception)
            {
                LogNotRestarted(exception);
            }
        }
    }

    private async Task EndAsync()
    {
        if (_handle is not { } handle)
        {
            return;
        }

        _handle = null;
        await EndAsync(handle);
    }

    /// <summary>
    /// Ends one that was started by a plane which died before it could write the record. Its settings file, which no other process on
    /// this machine is given, tells that it is ours.
    /// </summary>
    private async Task EndStrayAsync()
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var processId)
                && ProcessIdentity.Find(processId) is { } identity
                && identity.ReadCommandLine().Contains(SettingsArgument)
                && ProcessHandle.TryOpen(identity) is { } stray)
            {
                await EndAsync(stray);
            }
        }
    }

    private async Task EndAsync(ProcessHandle handle)
    {
        handle.Signal(Terminate);
        try
        {
            using var patience = new CancellationTokenSource(s_patience, services.Clock);
            await handle.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            handle.Signal(Kill);
            await handle.WaitForExitAsync();
        }

        handle.Dispose();
    }

    private DnsmasqRecord? ReadRecord()
    {
        if (!File.Exists(RecordPath))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(RecordPath, Encoding.UTF8), PlaneJson.Default.DnsmasqRecord);
        }
        catch (JsonException exception)
        {
            LogRecordUnreadable(exception, RecordPath);
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "dnsmasq ended ({Status}) and is started again; see '{Log}'")]
    private static partial void LogEnded(ILogger logger, string status, string log);

    [LoggerMessage(Level = LogLevel.Error, Message = "dnsmasq could not be started again")]
    private static partial void LogNotRestarted(ILogger logger, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The process record '{Path}' cannot be read and is ignored")]
    private static partial void LogRecordUnreadable(ILogger logger, Exception exception, string path);

    private void LogEnded(string status, string log) => LogEnded(services.Log, status, log);

    private void LogNotRestarted(Exception exception) => LogNotRestarted(services.Log, exception);

    private void LogRecordUnreadable(Exception exception, string path) => LogRecordUnreadable(services.Log, exception, path);
}
