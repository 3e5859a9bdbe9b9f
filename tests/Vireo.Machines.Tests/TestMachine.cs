using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;
using Vireo.Machines.Accelerators;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.States;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

/// <summary>A real machine under TCG that runs <see cref="TestGuest"/>, and everything it needs; gone when the test ends.</summary>
internal sealed class TestMachine : IAsyncDisposable
{
    private readonly TempFolder _folder;
    private readonly ServedDisk _disk;

    private TestMachine(TempFolder folder, ServedDisk disk, string runFolder)
    {
        _folder = folder;
        _disk = disk;
        RunFolder = runFolder;
        Configuration = new()
        {
            Id = Guid.NewGuid(),
            Name = "test, with a comma",
            Generation = 1,
            CreationTime = DateTimeOffset.UnixEpoch,
            Path = folder.Path,
            SnapshotFileLocation = folder.Path,
            SmartPagingFilePath = folder.Path,
            Memory = new() { StartupBytes = 16 << 20 },
            Drives = [new() { Id = DriveId, Kind = DriveKind.HardDisk, Bus = DriveBus.Ide, ControllerNumber = 0, ControllerLocation = 0, Path = "boot" }],
        };
        Plan = new()
        {
            Accelerator = AcceleratorKind.Tcg,
            RunFolder = RunFolder,
            Drives = [new(DriveId, DriveTransport.Nbd, disk.Socket)],
        };
        Driver = new(new() { StateFolder = folder.Path }, TimeProvider.System);
    }

    public Guid DriveId { get; } = Guid.NewGuid();

    public string RunFolder { get; }

    public MachineDriver Driver { get; }

    public VirtualMachineConfiguration Configuration { get; set; }

    public MachineRuntimePlan Plan { get; set; }

    public IMachine Machine { get; set; } = null!;

    public ChannelReader<MachineEvent> Events { get; private set; } = null!;

    public string DiskSocket => _disk.Socket;

    public MachineStart Start => new() { Configuration = Configuration, Plan = Plan };

    public string this[string name] => _folder[name];

    /// <summary>Makes a machine, with a run folder of its own unless told.</summary>
    public static async Task<TestMachine> CreateAsync(string? runFolder = null)
    {
        var folder = new TempFolder();
        var machine = new TestMachine(folder, await ServedDisk.NbdAsync(folder.Path, TestGuest.ToDisk()), runFolder ?? folder["run"]);
        await machine.OpenAsync();
        return machine;
    }

    /// <summary>Lets the guests' user walk down to the run folder and connect to the disk.</summary>
    public void LetOthersIn()
    {
        File.SetUnixFileMode(_folder.Path, (UnixFileMode)0b111_101_101);
        File.SetUnixFileMode(DiskSocket, (UnixFileMode)0b110_110_110);
    }

    /// <summary>Opens the machine, as a host does that has just started.</summary>
    public async Task OpenAsync(bool hasSavedState = false)
    {
        Machine = await Driver.OpenAsync(Configuration.Id, RunFolder, hasSavedState, Until.Token);
        Events = Machine.Subscribe();
    }

    /// <summary>Starts the machine and returns the guest's serial line, after its hello.</summary>
    public async Task<SerialLine> StartAsync()
    {
        SerialLine? line = null;
        await Machine.StartAsync(Start with { BeforeRun = async _ => line = await SerialLine.ConnectAsync(Plan.ComSocket(1)) }, Until.Token);
        Assert.Equal("hello", await line!.ReadLineAsync());
        return line;
    }

    /// <summary>The next event of a kind.</summary>
    public async Task<T> NextAsync<T>()
        where T : MachineEvent
    {
        while (true)
        {
            if (await Events.ReadAsync(Until.Token) is T found)
            {
                return found;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Machine.Status.State is not (MachineState.Off or MachineState.Saved))
        {
            await Machine.TurnOffAsync();
        }

        await Machine.DisposeAsync();
        _disk.Dispose();
        _folder.Dispose();
    }
}

/// <summary>The host's end of a COM port.</summary>
internal sealed class SerialLine : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public static async Task<SerialLine> ConnectAsync(string path)
    {
        var line = new SerialLine();
        await line._socket.ConnectAsync(new UnixDomainSocketEndPoint(path), Until.Token);
        return line;
    }

    public async Task<string> ReadLineAsync()
    {
        var text = new StringBuilder();
        var one = new byte[1];
        while (await _socket.ReceiveAsync(one, Until.Token) == 1)
        {
            if (one[0] == '\n')
            {
                return text.ToString();
            }

            text.Append((char)one[0]);
        }

        return text.ToString();
    }

    public async Task SendAsync(char letter) => await _socket.SendAsync(new[] { (byte)letter }, Until.Token);

    /// <summary>The guest's count of timer ticks.</summary>
    public async Task<uint> AskCounterAsync()
    {
        await SendAsync('c');
        var line = await ReadLineAsync();

        // Whoever connects at once still hears the hello.
        return Convert.ToUInt32(line is "hello" ? await ReadLineAsync() : line, 16);
    }

    public void Dispose() => _socket.Dispose();
}
