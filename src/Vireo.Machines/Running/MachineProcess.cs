using System.Text.Json;
using System.Text.Json.Nodes;
using Vireo.Machines.Qmp;
using Vireo.Machines.States;
using Vireo.Platform.Processes;
using Vireo.Platform.Sockets;

namespace Vireo.Machines.Running;

/// <summary>One QEMU process: its control connection, which comes back when it breaks, and its end.</summary>
internal sealed class MachineProcess : IAsyncDisposable
{
    private const int LogLines = 40;
    private const int Kill = 9;

    private static readonly TimeSpan s_reconnectDelay = TimeSpan.FromMilliseconds(500);

    // QEMU answers nothing while it waits for a disk that is away, which it does for DeviceOptions.ReconnectSeconds.
    private static readonly TimeSpan s_answerPatience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan s_lastWords = TimeSpan.FromSeconds(2);

    private readonly ProcessHandle _handle;
    private readonly TimeProvider _time;
    private readonly Action<QmpEvent> _onEvent;
    private readonly Action<bool> _onControl;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _recording = new();
    private Task _pumping = Task.CompletedTask;
    private QmpClient? _qmp;
    private volatile string? _shutdownReason;
    private TaskCompletionSource _transferChanged = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Holds the process of <paramref name="record"/>.</summary>
    /// <param name="record">Its record.</param>
    /// <param name="handle">The process.</param>
    /// <param name="time">Clock.</param>
    /// <param name="onEvent">Gets QEMU's events.</param>
    /// <param name="onControl">Told when the control connection is there (true) or lost (false).</param>
    public MachineProcess(MachineRecord record, ProcessHandle handle, TimeProvider time, Action<QmpEvent> onEvent, Action<bool> onControl)
    {
        Record = record;
        _handle = handle;
        _time = time;
        _onEvent = onEvent;
        _onControl = onControl;
        Exited = WatchAsync();
    }

    /// <summary>What is written down of it.</summary>
    public MachineRecord Record { get; private set; }

    /// <summary>Completes with the reason when the process has ended; cancelled when we let go of it.</summary>
    public Task<MachineExit> Exited { get; }

    /// <summary>We are ending it.</summary>
    public bool TurnOffRequested { get; set; }

    /// <summary>Its state is complete in a file.</summary>
    public bool Saved { get; set; }

    /// <summary>Completes when QEMU next tells that a transfer of its memory has come to another stage.</summary>
    public Task TransferChanged => Volatile.Read(ref _transferChanged).Task;

    /// <summary>Version of its QEMU.</summary>
    public string QemuVersion { get; private set; } = "";

    /// <summary>Connects; waits until QEMU listens.</summary>
    /// <exception cref="MachineException">It ended, or did not listen in time.</exception>
    public async Task ConnectAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(patience, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken, _stop.Token);
        while (true)
        {
            try
            {
                var client = await QmpClient.ConnectAsync(Record.Plan.QmpSocket, either.Token).ConfigureAwait(false);
                QemuVersion = client.QemuVersion;
                _qmp = client;
                _pumping = PumpAsync(client);
                _onControl(true);
                return;
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                if (Exited.IsCompletedSuccessfully)
                {
                    throw new MachineException(MachineErrorKind.StartFailed, (await Exited.ConfigureAwait(false)).Sentence, exception);
                }

                if (limit.IsCancellationRequested)
                {
                    throw new MachineException(
                        MachineErrorKind.StartFailed,
                        $"QEMU did not answer on its control socket within {patience.TotalSeconds:0} s. A disk or switch port that it waits for may not be served.",
                        exception);
                }

                _stop.Token.ThrowIfCancellationRequested();
            }

            // Not listening yet. The next attempt tells whether the wait was cut short.
            await Task.WhenAny(Exited, Task.Delay(TimeSpan.FromMilliseconds(20), _time, either.Token)).ConfigureAwait(false);
        }
    }

    /// <summary>Goes on trying to connect until it is there, after <see cref="ConnectAsync"/> has given up.</summary>
    public void KeepConnecting() => _ = ReconnectAsync(broken: null);

    /// <summary>Runs a QMP command.</summary>
    /// <exception cref="MachineException">There is no control connection, or QEMU does not answer on it.</exception>
    /// <exception cref="QmpException">QEMU refused.</exception>
    public async Task<JsonElement> ExecuteAsync(string command, JsonObject? arguments, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(s_answerPatience, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await Control().ExecuteAsync(command, arguments, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new MachineException(MachineErrorKind.ControlLost, $"QEMU did not answer '{command}' within {s_answerPatience.TotalSeconds:0} s.", exception);
        }
    }

    /// <summary>Hands an open file to QEMU under a name.</summary>
    public Task HandOverAsync(string name, System.Runtime.InteropServices.SafeHandle file, CancellationToken cancellationToken) =>
        Control().ExecuteAsync("getfd", new JsonObject { ["fdname"] = name }, file, cancellationToken);

    /// <summary>Holds connections to <paramref name="remote"/> that QEMU has made itself, see <see cref="SharedConnection.Find"/>.</summary>
    /// <exception cref="IOException">The kernel does not let us.</exception>
    public IReadOnlyList<SharedConnection> HoldConnections(System.Net.IPEndPoint remote, TimeSpan silence, IReadOnlySet<string> known) =>
        Record.Process is { } identity && !Exited.IsCompleted ? SharedConnection.Find(identity.ProcessId, _handle, remote, silence, known) : [];

    /// <summary>QEMU's word for what the guest does: <c>running</c>, <c>paused</c>, <c>prelaunch</c>, <c>io-error</c>, ...</summary>
    public async Task<string> QueryStatusAsync(CancellationToken cancellationToken)
    {
        var status = await ExecuteAsync("query-status", null, cancellationToken).ConfigureAwait(false);
        return status.Member("status").AsText();
    }

    /// <summary>Changes the record, durably. Operations and QEMU's events do, one after the other.</summary>
    /// <param name="change">The change.</param>
    /// <param name="durably">False leaves the writing to the next change: for what happens often and may be forgotten.</param>
    /// <exception cref="IOException">It could not be written; it is changed all the same.</exception>
    public void Update(Func<MachineRecord, MachineRecord> change, bool durably = true)
    {
        lock (_recording)
        {
            Record = change(Record);
            if (durably)
            {
                Record.Write();
            }
        }
    }

    /// <summary>Ends the process: asks, then kills. Returns when it is gone.</summary>
    public async Task EndAsync(TimeSpan patience)
    {
        try
        {
            using var limit = new CancellationTokenSource(patience, _time);
            await ExecuteAsync("quit", null, limit.Token).ConfigureAwait(false);
            await Exited.WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is MachineException or QmpException or OperationCanceledException)
        {
            KillNow();
        }

        await Exited.ConfigureAwait(false);
    }

    /// <summary>Lets go of the process; it goes on.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        if (_qmp is { } client)
        {
            await client.DisposeAsync().ConfigureAwait(false);
        }

        await _pumping.ConfigureAwait(false);
        _handle.Dispose();
    }

    private void KillNow()
    {
        try
        {
            _handle.Signal(Kill);
        }
        catch (ObjectDisposedException)
        {
            // Let go of, because it has ended.
        }
    }

    private QmpClient Control() =>
        _qmp ?? throw new MachineException(MachineErrorKind.ControlLost, $"QEMU's control socket '{Record.Plan.QmpSocket}' is not connected.");

    private async Task<MachineExit> WatchAsync()
    {
        var status = await _handle.WaitForExitAsync(_stop.Token).ConfigureAwait(false);

        // Its last events are still in the socket.
        await Task.WhenAny(_pumping, Task.Delay(s_lastWords, _time)).ConfigureAwait(false);
        var exit = ExitClassifier.Classify(status, _shutdownReason, TurnOffRequested, Saved, LogTail.Read(Record.Plan.LogPath, LogLines));
        return exit;
    }

    /// <summary>
    /// Removes the control group. It stays busy until the kernel has taken the process apart and its parent has noticed; one that is
    /// still busy after that is empty, costs nothing and is taken over by the next start.
    /// </summary>
    internal static async Task RemoveControlGroupAsync(IReadOnlyList<string> folders, TimeProvider time)
    {
        const int Attempts = 16;
        var delay = TimeSpan.FromMilliseconds(5);
        for (var attempt = 0; attempt < Attempts && !folders.All(TryRemove); attempt++)
        {
            await Task.Delay(delay, time).ConfigureAwait(false);
            delay = delay < TimeSpan.FromMilliseconds(200) ? delay * 2 : delay;
        }

        static bool TryRemove(string folder)
        {
            try
            {
                if (Directory.Exists(folder))
                {
                    Directory.Delete(folder);
                }

                return true;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    private async Task PumpAsync(QmpClient client)
    {
        await foreach (var happening in client.Events.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
        {
            if (happening.Name == "SHUTDOWN")
            {
                _shutdownReason = happening.Text("reason") ?? _shutdownReason;
            }
            else if (happening.Name == "MIGRATION")
            {
                Interlocked.Exchange(ref _transferChanged, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
            }

            _onEvent(happening);
        }

        if (!_stop.IsCancellationRequested)
        {
            _ = ReconnectAsync(client);
        }
    }

    private async Task ReconnectAsync(QmpClient? broken)
    {
        try
        {
            if (broken is not null)
            {
                await broken.DisposeAsync().ConfigureAwait(false);

                // The usual reason is that the process ended: give its end the time to be seen.
                await Task.WhenAny(Exited, Task.Delay(s_reconnectDelay, _time, _stop.Token)).ConfigureAwait(false);
                if (Exited.IsCompleted || _stop.IsCancellationRequested)
                {
                    return;
                }

                _qmp = null;
                _onControl(false);
            }

            while (_qmp is null && !Exited.IsCompleted)
            {
                await TryReconnectAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // We let go of the process.
        }
    }

    private async Task TryReconnectAsync()
    {
        try
        {
            await ConnectAsync(TimeSpan.FromSeconds(5), _stop.Token).ConfigureAwait(false);
        }
        catch (MachineException)
        {
            await Task.Delay(s_reconnectDelay, _time, _stop.Token).ConfigureAwait(false);
        }
    }
}
