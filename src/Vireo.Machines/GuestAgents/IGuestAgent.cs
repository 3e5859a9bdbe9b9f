namespace Vireo.Machines.GuestAgents;

/// <summary>
/// The agent inside a guest (qemu-guest-agent). Everything it says is the guest's word: bounded in size and time, never trusted.
/// Calls fail with <see cref="MachineException"/> of kind <see cref="MachineErrorKind.GuestAgent"/>.
/// </summary>
public interface IGuestAgent
{
    /// <summary>Whether the agent answers within <paramref name="patience"/>.</summary>
    Task<bool> PingAsync(TimeSpan patience, CancellationToken cancellationToken = default);

    /// <summary>Name and version of the guest's operating system.</summary>
    Task<GuestOperatingSystem> GetOperatingSystemAsync(CancellationToken cancellationToken = default);

    /// <summary>Name of the guest in its own eyes.</summary>
    Task<string> GetHostNameAsync(CancellationToken cancellationToken = default);

    /// <summary>Network interfaces with their addresses.</summary>
    Task<IReadOnlyList<GuestInterface>> GetInterfacesAsync(CancellationToken cancellationToken = default);

    /// <summary>Runs a program in the guest and waits for its end; the program goes on when the wait is cancelled.</summary>
    Task<GuestProcessResult> ExecuteAsync(GuestCommand command, CancellationToken cancellationToken = default);

    /// <summary>Reads a file of the guest, at most <paramref name="maximumBytes"/> of it.</summary>
    Task<byte[]> ReadFileAsync(string path, int maximumBytes = 16 << 20, CancellationToken cancellationToken = default);

    /// <summary>Writes a file of the guest, replacing it.</summary>
    Task WriteFileAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default);

    /// <summary>Writes what <paramref name="content"/> holds to a file of the guest, replacing it; tells how many bytes are there.</summary>
    Task WriteFileAsync(string path, Stream content, IProgress<long>? progress, CancellationToken cancellationToken = default);

    /// <summary>Reads a file of the guest into <paramref name="content"/>; tells how many bytes came.</summary>
    Task ReadFileAsync(string path, Stream content, long maximumBytes, IProgress<long>? progress, CancellationToken cancellationToken = default);

    /// <summary>Whether the guest has a file that can be read.</summary>
    Task<bool> HasFileAsync(string path, CancellationToken cancellationToken = default);

    /// <summary>Sets the guest's clock.</summary>
    Task SetTimeAsync(DateTimeOffset now, CancellationToken cancellationToken = default);

    /// <summary>Asks the guest's system to shut down. Returns when the request is sent: agents do not answer it.</summary>
    Task RequestShutdownAsync(GuestShutdownMode mode = GuestShutdownMode.PowerDown, CancellationToken cancellationToken = default);

    /// <summary>Freezes the guest's file systems; returns how many. Thaw them soon: the guest's writers stand still.</summary>
    Task<int> FreezeFileSystemsAsync(CancellationToken cancellationToken = default);

    /// <summary>Thaws them; returns how many.</summary>
    Task<int> ThawFileSystemsAsync(CancellationToken cancellationToken = default);
}

/// <summary>What the guest should do.</summary>
public enum GuestShutdownMode
{
    /// <summary>Shut down and switch off.</summary>
    PowerDown,

    /// <summary>Restart.</summary>
    Reboot,

    /// <summary>Stop without switching off.</summary>
    Halt,
}

/// <summary>The guest's operating system in its own words; each may be empty.</summary>
public sealed record GuestOperatingSystem(string Id, string Name, string PrettyName, string Version, string VersionId, string KernelRelease, string Machine);

/// <summary>A network interface of the guest.</summary>
/// <param name="Name">Name in the guest.</param>
/// <param name="MacAddress">Twelve upper case hexadecimal digits, or empty.</param>
/// <param name="Addresses">IPv4 and IPv6 addresses with their prefix lengths.</param>
public sealed record GuestInterface(string Name, string MacAddress, IReadOnlyList<GuestAddress> Addresses);

/// <summary>An address of an interface.</summary>
public sealed record GuestAddress(System.Net.IPAddress Address, int PrefixLength);

/// <summary>A program to run in the guest.</summary>
/// <param name="Path">Program.</param>
/// <param name="Arguments">Its arguments.</param>
public sealed record GuestCommand(string Path, params IReadOnlyList<string> Arguments)
{
    /// <summary>Its standard input.</summary>
    public ReadOnlyMemory<byte> Input { get; init; }

    /// <summary>Its environment, as <c>NAME=value</c>; empty is the agent's own.</summary>
    public IReadOnlyList<string> Environment { get; init; } = [];

    /// <summary>How long it is waited for. A guest may say for ever that it still runs.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Most output, per stream, that is taken; at most <see cref="GuestAgentClient.MaximumOutputBytes"/>. A guest that sends more has failed the question.</summary>
    public int MaximumOutputBytes { get; init; } = GuestAgentClient.MaximumOutputBytes;
}

/// <summary>How a program in the guest ended.</summary>
/// <param name="ExitCode">Exit status; null when a signal ended it.</param>
/// <param name="Signal">Signal that ended it.</param>
/// <param name="Output">Standard output, at most 16 MiB.</param>
/// <param name="Error">Standard error, at most 16 MiB.</param>
/// <param name="Truncated">There was more output than the agent keeps.</param>
public sealed record GuestProcessResult(int? ExitCode, int? Signal, byte[] Output, byte[] Error, bool Truncated)
{
    /// <summary>Standard output as text.</summary>
    public string OutputText => System.Text.Encoding.UTF8.GetString(Output);

    /// <summary>Standard error as text.</summary>
    public string ErrorText => System.Text.Encoding.UTF8.GetString(Error);
}
