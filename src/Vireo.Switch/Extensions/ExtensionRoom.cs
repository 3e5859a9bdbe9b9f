using System.Diagnostics;
using System.Runtime.Loader;
using System.Text.Json;
using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Platform.Files;
using Vireo.Switch.Extensions.Deaths;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Plane;
using Vireo.Switch.Threads;

namespace Vireo.Switch.Extensions;

/// <summary>
/// All extensions of the plane: what is installed, what runs where, and the watch over it. For the control side, one call at a time; the watch looks from a timer
/// of its own, which runs only while an extension does.
/// </summary>
internal sealed class ExtensionRoom : IDisposable
{
    private static readonly TimeSpan s_watch = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_slowWatch = TimeSpan.FromSeconds(5);
    private readonly PacketThreads? _threads;
    private readonly Forwarder _forwarder;
    private readonly TimeProvider _clock;
    private readonly string _stallFile;
    private readonly InsideRecord _inside;
    private readonly PlaneDeath? _death;
    private readonly DeathLedger _ledger;
    private readonly Dictionary<Guid, ExtensionFailure> _guilty = [];
    private readonly Func<Task> _onWatch;
    private readonly ITimer _timer;
    private readonly Dictionary<Guid, ExtensionPackage> _packages = [];
    private readonly List<(WeakReference Context, ExtensionManifest Manifest, int Collections, long Since)> _unloading = [];
    private volatile ExtensionInstance[] _instances = [];
    private int _isWatching;

    /// <summary>Nothing is loaded yet.</summary>
    /// <param name="paths">Where the host keeps its things.</param>
    /// <param name="threads">The packet threads; null in tests that are one.</param>
    /// <param name="forwarder">Pipeline of the first one.</param>
    /// <param name="clock">The switch's.</param>
    /// <param name="limits">What an extension may take.</param>
    /// <param name="onWatch">Called now and then while extensions run, on any thread.</param>
    public ExtensionRoom(HostPaths paths, PacketThreads? threads, Forwarder forwarder, TimeProvider clock, ExtensionLimits limits, Func<Task> onWatch)
    {
        _threads = threads;
        _forwarder = forwarder;
        _clock = clock;
        Limits = limits;
        _onWatch = onWatch;
        _stallFile = Path.Combine(paths.State, "switch-extension-stalled.json");
        Directory.CreateDirectory(paths.Run);
        (_inside, _death) = InsideRecord.Begin(Path.Combine(paths.Run, "switch-extensions.inside"), clock.GetUtcNow());
        _ledger = new DeathLedger(Path.Combine(paths.Run, "switch-deaths.json"));
        Store = new ExtensionStore(paths.SwitchExtensions, Path.Combine(AppContext.BaseDirectory, "extensions"));
        Events = new ExtensionEvents(clock);
        _timer = clock.CreateTimer(_ => Watch(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>What an extension may take.</summary>
    public ExtensionLimits Limits { get; }

    /// <summary>Installed extensions.</summary>
    public ExtensionStore Store { get; }

    /// <summary>What happened.</summary>
    public ExtensionEvents Events { get; }

    /// <summary>Versions whose code has been let go of and is still in memory.</summary>
    public int Unloading => _unloading.Count(one => one.Context.IsAlive);

    /// <summary>Every installed extension.</summary>
    public IReadOnlyList<InstalledExtension> List() => [.. _packages.Values.OrderBy(one => one.Manifest.Name, StringComparer.OrdinalIgnoreCase).Select(one => one.ToInfo())];

    /// <summary>An installed extension.</summary>
    public ExtensionPackage? Find(Guid id) => _packages.GetValueOrDefault(id);

    /// <summary>Finds what is installed.</summary>
    /// <returns>What is wrong, which extension the plane had to be restarted for, and to which ones its last deaths are put down.</returns>
    /// <exception cref="IOException">What was found out cannot be stored.</exception>
    public (IReadOnlyList<string> Faults, StalledExtension? Stalled, IReadOnlyList<ExtensionFailure> Guilty) Load()
    {
        var (packages, faults) = Store.Load();
        if (_ledger.Fault is { } damage)
        {
            faults = [.. faults, damage];
        }

        var guilty = _death is null ? [] : _ledger.Add(_death, [.. packages.OrderByDescending(one => one.InstalledAt)]);
        foreach (var (failure, _) in guilty)
        {
            _guilty[failure.ExtensionId] = failure;
        }

        foreach (var package in packages)
        {
            if (guilty.FirstOrDefault(one => one.IsDescribing && one.Failure.ExtensionId == package.Manifest.Id && one.Failure.Version == package.Manifest.Version) is { } one)
            {
                package.Refuse($"The extension '{package.Manifest.Name}' {package.Manifest.Version} was not loaded. {one.Failure.Reason} Install another version, or remove it.");
            }
            else
            {
                Describe(package);
            }

            _packages[package.Manifest.Id] = package;
        }

        LetGo();
        StalledExtension? stalled = null;
        if (File.Exists(_stallFile))
        {
            try
            {
                stalled = JsonSerializer.Deserialize(File.ReadAllBytes(_stallFile), PlaneJson.Default.StalledExtension);
            }
            catch (JsonException exception)
            {
                faults = [.. faults, $"The file '{_stallFile}' is damaged: {exception.Message}"];
            }
        }

        return (faults, stalled, [.. guilty.Select(one => one.Failure)]);
    }

    /// <summary>Why an extension is not to run: the plane's deaths are put down to it, or null.</summary>
    public ExtensionFailure? GuiltOf(Guid extension) => _guilty.GetValueOrDefault(extension);

    /// <summary>An extension gets another try.</summary>
    public void Forgive(Guid extension)
    {
        _guilty.Remove(extension);
        _ledger.Forgive(extension);
    }

    /// <summary>Finds the extension whose own thread has thrown, and cuts it off. Called on that thread.</summary>
    /// <returns>False when it was not an extension's.</returns>
    public bool TryBlame(Exception exception)
    {
        foreach (var frame in new StackTrace(exception).GetFrames())
        {
            if (frame.GetMethod() is { } method && AssemblyLoadContext.GetLoadContext(method.Module.Assembly) is ExtensionLoadContext context)
            {
                var reason = $"A thread of its own threw {exception.GetType().Name}: {exception.Message}";
                foreach (var instance in _instances.Where(one => one.Package.Manifest == context.Manifest))
                {
                    instance.Fail(reason);
                }

                Note("ExtensionThrew", null, context.Manifest, $"The extension '{context.Manifest.Name}' {context.Manifest.Version}: {reason}");
                return true;
            }
        }

        return false;
    }

    /// <summary>The plane ends in order.</summary>
    public void End() => _inside.End();

    /// <summary>The stalled extension has been noted where it is kept.</summary>
    public void ForgetStalled() => AtomicFile.Delete(_stallFile);

    /// <summary>Reads what a package declares.</summary>
    public void Describe(ExtensionPackage package)
    {
        var mark = _inside.Watch(package.Manifest, Guid.Empty);
        mark.EnterCall();
        try
        {
            NoteUnloading(package.Describe(), package.Manifest);
        }
        finally
        {
            mark.LeaveCall();
            _inside.Forget(mark);
        }
    }

    /// <summary>A package takes the place of another version.</summary>
    public void Use(ExtensionPackage package) => _packages[package.Manifest.Id] = package;

    /// <summary>A package is gone.</summary>
    public void Forget(Guid id) => _packages.Remove(id);

    /// <summary>Makes an instance.</summary>
    public ExtensionInstance Create(ExtensionPackage package, SwitchState home, string switchName)
    {
        var mark = _inside.Watch(package.Manifest, home.Id);
        ExtensionInstance instance;
        try
        {
            instance = new ExtensionInstance(package, home, switchName, _forwarder, _clock, Limits, OnReport, mark);
        }
        catch
        {
            _inside.Forget(mark);
            throw;
        }

        _instances = [.. _instances, instance];
        _timer.Change(s_watch, s_watch);
        return instance;
    }

    /// <summary>An instance is no longer used.</summary>
    /// <param name="instance">Which one.</param>
    /// <param name="hasStopped">It came back from its end; otherwise a thread of its own keeps it in memory.</param>
    public void GiveBack(ExtensionInstance instance, bool hasStopped)
    {
        _instances = [.. _instances.Where(other => other != instance)];
        _inside.Forget(instance.Mark);
        NoteUnloading(instance.Package.Return(), instance.Package.Manifest);
        if (!hasStopped)
        {
            Note("ExtensionNotStopped", instance.SwitchId, instance.Package.Manifest, $"The extension '{instance.Name}' did not end in order. {instance.Failure}");
        }
    }

    /// <summary>Waits until the packet threads have finished what they were at.</summary>
    public Task FenceAsync() => _threads?.FenceAsync() ?? Task.CompletedTask;

    /// <summary>Notes an event.</summary>
    public void Note(string kind, Guid? switchId, ExtensionManifest manifest, string message) => Events.Add(kind, switchId, manifest.Id, message);

    /// <summary>Looks after memory: code that was let go of, and what extensions have asked for. From the control side.</summary>
    public void LookAfterMemory()
    {
        const int collectionsEnough = 3;
        var longEnough = TimeSpan.FromSeconds(30);
        _unloading.RemoveAll(one => !one.Context.IsAlive);
        foreach (var one in _unloading.Where(one => GC.CollectionCount(2) - one.Collections >= collectionsEnough && _clock.GetElapsedTime(one.Since) >= longEnough).ToList())
        {
            _unloading.Remove(one);
            Note("ExtensionNotUnloaded", null, one.Manifest, $"The extension '{one.Manifest.Name}' {one.Manifest.Version} stays in memory: it has left threads or handlers behind. Restart the switch plane to be rid of it.");
        }

        if (_instances.Length == 0)
        {
            // Nobody can stall; what was let go of is looked for now and then.
            var next = _unloading.Count == 0 ? Timeout.InfiniteTimeSpan : s_slowWatch;
            _timer.Change(next, next);
        }

        var used = GC.GetTotalMemory(forceFullCollection: false);
        if (used > Limits.MemoryBytes && _instances.Where(one => one.Status == InstanceStatus.Running).MaxBy(one => one.Counters.AllocatedBytes) is { Counters.AllocatedBytes: > 0 } greedy)
        {
            greedy.Fail($"The plane's memory grew to {used >> 20} MiB, more than {Limits.MemoryBytes >> 20} MiB; it had asked for {greedy.Counters.AllocatedBytes >> 20} MiB, more than any other extension.");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    /// <summary>
    /// Lets the code leave memory that was only asked for its settings. Nothing moves yet, so there is time; an idle plane collects nothing by itself, and would
    /// look after it for ever.
    /// </summary>
    private void LetGo()
    {
        const int tries = 5;
        for (var i = 0; i < tries && _unloading.Exists(one => one.Context.IsAlive); i++)
        {
            // Allowed: once, before the first frame; code leaves memory only when it is collected.
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        _unloading.RemoveAll(one => !one.Context.IsAlive);
        if (_unloading.Count == 0)
        {
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    private void NoteUnloading(WeakReference? context, ExtensionManifest manifest)
    {
        if (context is not null)
        {
            _unloading.Add((context, manifest, GC.CollectionCount(2), _clock.GetTimestamp()));
            _timer.Change(s_watch, s_watch);
        }
    }

    private void OnReport(ExtensionInstance instance, string message) => Note("ExtensionReport", instance.SwitchId, instance.Package.Manifest, message);

    private void Watch()
    {
        // A stall is looked for without waiting for anybody: the control side may itself be waiting for the thread that hangs.
        foreach (var instance in _instances)
        {
            if (instance.InsideFor() > Limits.Stall)
            {
                EndFor(instance);
            }
        }

        if (Interlocked.Exchange(ref _isWatching, 1) == 0)
        {
            _ = Task.Run(async () =>
            {
                try
                {
                    await _onWatch();
                }
                finally
                {
                    Volatile.Write(ref _isWatching, 0);
                }
            });
        }
    }

    private void EndFor(ExtensionInstance instance)
    {
        var manifest = instance.Package.Manifest;
        var reason = $"It did not come back from a frame for {Limits.Stall.TotalSeconds:0} s, so the switch plane was restarted without it.";
        AtomicFile.Write(_stallFile, JsonSerializer.SerializeToUtf8Bytes(new StalledExtension(instance.SwitchId, new ExtensionFailure(manifest.Id, manifest.Version, reason)), PlaneJson.Default.StalledExtension));

        // Kept already, so it does not count as a death that nobody knows the reason of.
        _inside.End();

        // A managed thread cannot be ended from outside. The plane is built to be restarted: ports reconnect and policies are loaded again.
        Environment.FailFast($"The extension '{manifest.Name}' {manifest.Version} holds a packet thread of the switch '{instance.SwitchName}'; the plane ends, to be started without it.");
    }
}

/// <summary>An extension that the plane ended for.</summary>
/// <param name="SwitchId">Where it stalled.</param>
/// <param name="Failure">What is kept about it.</param>
internal sealed record StalledExtension(Guid SwitchId, ExtensionFailure Failure);
