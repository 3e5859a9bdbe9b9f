namespace Vireo.Control;

/// <summary>
/// Where one host keeps its things. A host is a root folder and a network namespace; several complete hosts run on one machine.
/// Names below <see cref="Run"/> are short because a Unix socket path holds 107 bytes.
/// </summary>
/// <param name="State">What survives a reboot: <c>/var/lib/vireo</c>, or the root itself.</param>
/// <param name="Run">Sockets and process records: <c>/run/vireo</c>, or <c>run</c> below the root.</param>
public sealed record HostPaths(string State, string Run)
{
    /// <summary>The host that has no <c>--root</c>.</summary>
    public static HostPaths Default { get; } = new("/var/lib/vireo", "/run/vireo");

    /// <summary>The host whose root folder is <paramref name="root"/>; the default host when null or empty.</summary>
    public static HostPaths ForRoot(string? root) =>
        string.IsNullOrEmpty(root) ? Default : new(Path.GetFullPath(root), Path.Combine(Path.GetFullPath(root), "run"));

    /// <summary>HTTP API of the host plane.</summary>
    public string HostSocket => Path.Combine(Run, "host.sock");

    /// <summary>The consoles of machines, for users who are no administrators too.</summary>
    public string ConsoleSocket => Path.Combine(Run, "console.sock");

    /// <summary>Control API of the storage plane.</summary>
    public string StorageSocket => Path.Combine(Run, "storage.sock");

    /// <summary>Control API of the switch plane.</summary>
    public string SwitchSocket => Path.Combine(Run, "switch.sock");

    /// <summary>What the storage plane needs to come back alone.</summary>
    public string StorageState => Path.Combine(State, "storage.json");

    /// <summary>Images that the storage plane makes, for requests that are repeated.</summary>
    public string StorageCreations => Path.Combine(State, "storage-images.json");

    /// <summary>Logins at file servers; readable by its owner only.</summary>
    public string SmbLogins => Path.Combine(State, "smb.json");

    /// <summary>What the switch plane needs to come back alone.</summary>
    public string SwitchState => Path.Combine(State, "switch.json");

    /// <summary>What the access rules of the switch plane's ports have counted.</summary>
    public string SwitchMeters => Path.Combine(State, "switch-meters.json");

    /// <summary>Installed extensions of the switch plane, a folder each.</summary>
    public string SwitchExtensions => Path.Combine(State, "switch-extensions");

    /// <summary>Front-end socket of an open disk.</summary>
    public string DiskSocket(Guid disk) => Path.Combine(Run, "d", $"{disk:N}");

    /// <summary>Front-end socket of a disk that is mounted into the host.</summary>
    public string MountSocket(Guid mount) => Path.Combine(Run, "v", $"{mount:N}.sock");

    /// <summary>The bytes of a disk that is mounted into the host, as a file.</summary>
    public string MountFile(Guid mount) => Path.Combine(Run, "v", $"{mount:N}");

    /// <summary>Front-end socket of a switch port.</summary>
    public string PortSocket(Guid port) => Path.Combine(Run, "p", $"{port:N}");

    /// <summary>Run-time folder of a virtual machine: QMP, guest agent and serial sockets, process record.</summary>
    public string MachineRun(Guid machine) => Path.Combine(Run, "m", $"{machine:N}");
}
