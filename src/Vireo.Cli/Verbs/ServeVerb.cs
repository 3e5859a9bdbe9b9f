using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Vireo.Cli.Verbs;

/// <summary>
/// <c>vireo serve</c>: starts the three planes, restarts one that dies, and stops them when asked to. Virtual machines are no children of
/// the planes and live on.
/// </summary>
internal static class ServeVerb
{
    private static readonly string[] Planes = ["vireo-storage", "vireo-switch", "vireo-host"];
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Steady = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(20);

    public static Task<int> RunAsync(VerbContext context)
    {
        using var only = ServeLock.TryTake(context.Options.RunFolder)
            ?? throw new CliException("ResourceBusy", $"Vireo runs already (process {ServeLock.Owner(context.Options.RunFolder)}); 'vireo down' stops it.", ExitStatus.Error);
        using var changed = new AutoResetEvent(false);
        using var stop = new CancellationTokenSource();
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
            changed.Set();
        }

        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);
        var children = Planes.Select(plane => new Child(plane, context, changed)).ToList();

        // Everything happens on this thread: the kernel ends a plane when the thread that started it ends (PR_SET_PDEATHSIG).
        while (!stop.IsCancellationRequested)
        {
            var pause = children.Min(child => child.Tend());
            changed.WaitOne(pause);
        }

        StopAll(context, children, changed);
        return Task.FromResult(ExitStatus.Ok);
    }

    /// <summary>The host first: it is the one that talks to the others.</summary>
    private static void StopAll(VerbContext context, List<Child> children, AutoResetEvent changed)
    {
        var clock = Stopwatch.StartNew();
        foreach (var child in Enumerable.Reverse(children))
        {
            child.Stop();
            while (!child.HasEnded && clock.Elapsed < StopPatience)
            {
                changed.WaitOne(TimeSpan.FromSeconds(1));
            }

            if (!child.HasEnded)
            {
                context.Terminal.WriteWarning($"{child.Name} did not stop within {StopPatience.TotalSeconds} s and is ended.");
                child.Kill();
            }
        }
    }

    /// <summary>One plane and when to start it again.</summary>
    private sealed class Child(string name, VerbContext context, AutoResetEvent changed)
    {
        private Process? _process;
        private long _startedAt;
        private long _startNotBefore;
        private TimeSpan _pause;

        public string Name => name;

        public bool HasEnded => _process?.HasExited != false;

        /// <summary>Starts it when it is due; gives how long to wait at most.</summary>
        public TimeSpan Tend()
        {
            if (_process is { HasExited: true } ended)
            {
                _pause = Stopwatch.GetElapsedTime(_startedAt) > Steady || _pause == TimeSpan.Zero
                    ? TimeSpan.FromMilliseconds(200)
                    : TimeSpan.FromTicks(Math.Min(_pause.Ticks * 2, LongestPause.Ticks));
                context.Terminal.WriteWarning($"{name} ended with status {ended.ExitCode}; it starts again in {_pause.TotalSeconds:0.#} s.");
                ended.Dispose();
                _process = null;
                _startNotBefore = Stopwatch.GetTimestamp() + (long)(_pause.TotalSeconds * Stopwatch.Frequency);
            }

            if (_process is not null)
            {
                return Steady;
            }

            var left = TimeSpan.FromSeconds(Math.Max(0, (_startNotBefore - Stopwatch.GetTimestamp()) / (double)Stopwatch.Frequency));
            if (left > TimeSpan.Zero)
            {
                return left;
            }

            Start();
            return Steady;
        }

        public void Stop()
        {
            if (_process is { } process)
            {
                Signals.Terminate(process);
            }
        }

        public void Kill() => _process?.Kill();

        private void Start()
        {
            // setpriv (util-linux) makes the kernel end the plane when this process is killed, so that none is left behind.
            var start = new ProcessStartInfo("setpriv") { UseShellExecute = false };
            foreach (var argument in (string[])["--pdeathsig", "TERM", PlaneVerb.PathOf(name), .. context.Options.RootArguments])
            {
                start.ArgumentList.Add(argument);
            }

            _process = new Process { StartInfo = start, EnableRaisingEvents = true };
            _process.Exited += (_, _) => changed.Set();
            _process.Start();
            _startedAt = Stopwatch.GetTimestamp();
        }
    }
}
