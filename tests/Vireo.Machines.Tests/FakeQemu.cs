using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Vireo.Machines.Accelerators;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.Running;
using Vireo.Platform.Processes;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

/// <summary>
/// A machine whose QEMU is a process that only waits; its control socket is answered here, as QEMU answers, or not, as the test wants.
/// </summary>
internal sealed class FakeQemu : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<string> _commands = [];
    private readonly List<(string Command, JsonElement Arguments)> _arguments = [];
    private readonly CancellationTokenSource _end = new();
    private readonly TimeProvider _time;
    private Socket? _listener;
    private Socket? _connection;

    public FakeQemu(TimeProvider? time = null)
    {
        _time = time ?? TimeProvider.System;

        // Opening a FIFO for reading and writing does not wait; reading it waits for ever.
        Peer.Run("mkfifo", _folder["fifo"]);
        File.WriteAllText(_folder["script"], $"#!/bin/sh\nexec 3<>'{_folder["fifo"]}'\nread x <&3\n");

        // Another program writes it: the kernel runs no file that a process started beside this test holds open for writing.
        Peer.Run("install", "-m", "500", _folder["script"], _folder["qemu"]);
        Configuration = new()
        {
            Id = Guid.NewGuid(),
            Name = "test",
            Generation = 1,
            CreationTime = DateTimeOffset.UnixEpoch,
            Path = _folder.Path,
            SnapshotFileLocation = _folder.Path,
            SmartPagingFilePath = _folder.Path,
            Memory = new() { StartupBytes = 16 << 20 },
        };
        Plan = new() { Accelerator = AcceleratorKind.Tcg, RunFolder = _folder["run"], QemuPath = _folder["qemu"] };
    }

    public VirtualMachineConfiguration Configuration { get; }

    public MachineRuntimePlan Plan { get; }

    public IMachine Machine { get; private set; } = null!;

    /// <summary>What <c>query-status</c> answers; <c>stop</c> and <c>cont</c> change it.</summary>
    public string Status { get; set; } = "prelaunch";

    /// <summary>Asked before each command is answered; false leaves it without an answer.</summary>
    public Func<string, bool> Answers { get; set; } = _ => true;

    /// <summary>The commands that came, in order.</summary>
    public IReadOnlyList<string> Commands
    {
        get
        {
            lock (_commands)
            {
                return [.. _commands];
            }
        }
    }

    /// <summary>The arguments that a command came with, each time.</summary>
    public IReadOnlyList<JsonElement> Arguments(string command)
    {
        lock (_commands)
        {
            return [.. _arguments.Where(one => one.Command == command).Select(one => one.Arguments)];
        }
    }

    public MachineStart Start => new() { Configuration = Configuration, Plan = Plan };

    public string this[string name] => _folder[name];

    /// <summary>What is written down of the process.</summary>
    public MachineRecord? Record => MachineRecord.Read(Plan.RunFolder);

    /// <summary>Opens the machine, as a host does that has just started.</summary>
    public async Task OpenAsync(bool hasSavedState = false, TimeSpan? patience = null)
    {
        var driver = new MachineDriver(new() { StateFolder = _folder.Path, AdoptionPatience = patience ?? Until.Deadline }, _time);
        Machine = await driver.OpenAsync(Configuration.Id, Plan.RunFolder, hasSavedState, Until.Token);
    }

    /// <summary>Starts the machine; the socket listens when its process is there.</summary>
    public async Task StartAsync(Func<MachineStart, MachineStart>? how = null, CancellationToken cancellationToken = default)
    {
        await OpenAsync(hasSavedState: how?.Invoke(Start).SavedStatePath is not null);
        var starting = Machine.StartAsync(how is null ? Start : how(Start), cancellationToken);
        await Until.TrueAsync(() => Machine.Status.ProcessId is not null || starting.IsCompleted, "the process is started");
        Listen();
        await starting;
    }

    /// <summary>A process that an earlier host left in the middle of something; nothing listens yet.</summary>
    public void Leave(Func<MachineRecord, MachineRecord> change)
    {
        Directory.CreateDirectory(Plan.RunFolder);

        // Not through Process, which wants to collect the end of its children itself.
        var process = DetachedProcess.Start(new()
        {
            Arguments = [Plan.QemuPath, "-uuid", Configuration.Id.ToString()],
            WorkingFolder = Plan.RunFolder,
            LogPath = Plan.LogPath,
        });
        change(new()
        {
            Process = process,
            StartedAt = DateTimeOffset.UnixEpoch,
            Configuration = Configuration,
            Plan = Plan,
            Slots = new(),
            CommandLine = "qemu",
        }).Write();
    }

    /// <summary>Lets QEMU listen and answer.</summary>
    public void Listen()
    {
        _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(Plan.QmpSocket));
        _listener.Listen();
        _ = ServeAsync();
    }

    /// <summary>Breaks the control connection.</summary>
    public void HangUp() => _connection!.Shutdown(SocketShutdown.Both);

    public Task TellAsync(string happening) => SendAsync($"{{\"event\": \"{happening}\"}}\n");

    public async ValueTask DisposeAsync()
    {
        if (Machine.Status.ProcessId is not null)
        {
            Answers = _ => true;
            await Machine.TurnOffAsync();
        }

        await Machine.DisposeAsync();
        await _end.CancelAsync();
        _listener?.Dispose();
        _connection?.Dispose();
        _end.Dispose();
        _folder.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using var connection = await _listener!.AcceptAsync(_end.Token);
                _connection = connection;
                await SendAsync("{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}}, \"capabilities\": []}}\n");
                using var reader = new StreamReader(new NetworkStream(connection));
                while (await reader.ReadLineAsync(_end.Token) is { } line)
                {
                    await AnswerAsync(JsonDocument.Parse(line).RootElement);
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException or IOException)
        {
            // The test ends.
        }
    }

    private async Task AnswerAsync(JsonElement question)
    {
        var command = question.GetProperty("execute").GetString()!;
        lock (_commands)
        {
            _commands.Add(command);
            if (question.TryGetProperty("arguments", out var arguments))
            {
                _arguments.Add((command, arguments));
            }
        }

        if (!Answers(command))
        {
            return;
        }

        switch (command)
        {
            case "stop" or "cont":
                // The event comes first.
                Status = command == "stop" ? "paused" : "running";
                await TellAsync(command == "stop" ? "STOP" : "RESUME");
                break;
            case "quit":
                using (var process = Process.GetProcessById(Machine.Status.ProcessId!.Value))
                {
                    process.Kill();
                }

                break;
        }

        var value = command switch
        {
            "query-status" => $"{{\"status\": \"{Status}\"}}",
            "query-migrate" => "{\"status\": \"completed\"}",
            "qom-get" => "\"pc-i440fx-7.2-machine\"",
            _ => "{}",
        };
        await SendAsync($"{{\"return\": {value}, \"id\": {question.GetProperty("id").GetRawText()}}}\n");
        if (command == "quit")
        {
            HangUp();
        }
    }

    private async Task SendAsync(string text) => await _connection!.SendAsync(Encoding.UTF8.GetBytes(text), _end.Token);
}
