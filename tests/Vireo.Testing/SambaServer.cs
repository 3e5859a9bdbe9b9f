using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Vireo.Testing;

/// <summary>A real file server, Samba's <c>smbd</c>, at a loopback address of its own, with shares and state in a folder of the test.</summary>
public sealed class SambaServer : IDisposable
{
    /// <summary>The account of the shares.</summary>
    public const string User = "root";

    private readonly TempFolder _folder = new();
    private readonly string _configuration;
    private readonly NetworkNamespace? _network;
    private Process? _process;

    /// <summary>Starts the server at a loopback address.</summary>
    /// <param name="settings">Lines for the section <c>[global]</c> of its configuration.</param>
    public SambaServer(params string[] settings)
        : this(null, null, settings)
    {
    }

    /// <summary>Starts the server in a network namespace, at an address there.</summary>
    public SambaServer(NetworkNamespace? network, string? address, params string[] settings)
    {
        _network = network;
        // So many that no two servers of a machine choose the same.
        Address = address ?? string.Create(CultureInfo.InvariantCulture, $"127.{Random.Shared.Next(100, 250)}.{Random.Shared.Next(250)}.{Random.Shared.Next(2, 250)}");
        Password = Guid.NewGuid().ToString("N");
        foreach (var name in new[] { "state", "vms", "secret" })
        {
            Directory.CreateDirectory(_folder[name]);
        }

        _configuration = _folder["smb.conf"];
        var state = _folder["state"];
        File.WriteAllText(_configuration, $"""
            [global]
            server role = standalone server
            interfaces = {Address}/8
            bind interfaces only = yes
            smb ports = 445
            server min protocol = SMB3_00
            disable netbios = yes
            load printers = no
            printing = bsd
            private dir = {state}
            lock directory = {state}
            state directory = {state}
            cache directory = {state}
            pid directory = {state}
            ncalrpc dir = {state}/rpc
            log file = {state}/log
            {string.Join('\n', settings)}
            [vms]
            path = {_folder["vms"]}
            read only = no
            [secret]
            path = {_folder["secret"]}
            read only = no
            smb encrypt = required
            """);
        Peer.Run("sh", "-c", $"printf '{Password}\\n{Password}\\n' | smbpasswd -c {_configuration} -s -a {User}");
        Start();
    }

    /// <summary>Its address, which is its name too.</summary>
    public string Address { get; }

    /// <summary>Of the account.</summary>
    public string Password { get; }

    /// <summary>The folder that is the share <c>vms</c>.</summary>
    public string Folder => _folder["vms"];

    /// <summary>The folder that is the share <c>secret</c>, which is spoken to encrypted only.</summary>
    public string SecretFolder => _folder["secret"];

    /// <summary>Processes of the server.</summary>
    public IEnumerable<int> Processes => [_process!.Id, .. Children(_process.Id)];

    /// <summary>The path of a file in the share <c>vms</c>.</summary>
    public string Unc(string name) => $@"\\{Address}\vms\{name}";

    /// <summary>Writes the file in which a host keeps its logins, with that for this server.</summary>
    public void WriteLogin(string path)
    {
        File.WriteAllText(path, $$$"""{"version":1,"servers":[{"server":"{{{Address}}}","user":"{{{User}}}","password":"{{{Password}}}"}]}""");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    /// <summary>Starts it, and waits until it listens.</summary>
    public void Start()
    {
        string[] command = ["smbd", "--foreground", "--no-process-group", "-s", _configuration, "-l", _folder["state"]];
        command = _network is null ? command : ["ip", "netns", "exec", _network.Name, .. command];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        try
        {
            _process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new InvalidOperationException("The test needs 'smbd', which is not installed; run ./test, which installs what the tests need.", exception);
        }

        _process.OutputDataReceived += static (_, _) => { };
        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        Wait.UntilAsync("smbd to listen", Listens, TimeSpan.FromSeconds(60), () => string.Join("\n", Directory.EnumerateFiles(_folder["state"], "log*").SelectMany(File.ReadLines).TakeLast(30)))
            .GetAwaiter().GetResult();
    }

    /// <summary>Ends it as a crash would: connections are cut.</summary>
    public void Kill()
    {
        _process!.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_process is not null)
        {
            Kill();
        }

        _folder.Dispose();
    }

    private bool Listens()
    {
        if (_process!.HasExited)
        {
            throw new InvalidOperationException($"smbd has ended with {_process.ExitCode}.");
        }

        if (_network is not null)
        {
            return _network.TryRun("bash", "-c", $"exec 3<>/dev/tcp/{Address}/445").ExitCode == 0;
        }

        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(IPAddress.Parse(Address), 445);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static IEnumerable<int> Children(int process) => Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
        .Where(name => int.TryParse(name, CultureInfo.InvariantCulture, out var id) && ParentOf(id) == process).Select(name => int.Parse(name!, CultureInfo.InvariantCulture))
        .SelectMany(child => Children(child).Prepend(child));

    // proc(5): the fourth field of stat, behind a name that may hold anything but ends with the last parenthesis.
    private static int? ParentOf(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // It has ended.
            return null;
        }
    }
}
