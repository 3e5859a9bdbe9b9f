using Vireo.Machines.Running;

namespace Vireo.Machines;

/// <summary>How memory travels between two hosts. Both sides are told the same.</summary>
public sealed record TransferSettings
{
    /// <summary>Most bytes in a second; 0 is no limit.</summary>
    public long BytesPerSecond { get; init; }

    /// <summary>Connections that carry memory side by side; 1 is the one that everything else takes too.</summary>
    public int Channels { get; init; } = 1;

    /// <summary>Memory is compressed on its way; takes <see cref="Channels"/> of two or more.</summary>
    public bool Compressed { get; init; }

    /// <summary>Longest time that the guest may stand still for the last pages, as far as memory decides it.</summary>
    public TimeSpan Downtime { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>A guest that changes its memory faster than it travels is slowed down until it does not.</summary>
    public bool SlowsGuest { get; init; } = true;

    /// <summary>
    /// The same, as far as a QEMU can be trusted with it that sends. Before 9.1 one with several connections may wait for ever, its lock held, when the other side dies
    /// (<c>multifd_send_sync_main</c> waits for a thread that has ended): the guest would stand still until somebody turns it off.
    /// </summary>
    /// <param name="qemuVersion">Version of QEMU on the side that sends.</param>
    public TransferSettings For(string qemuVersion) =>
        Version.TryParse(qemuVersion, out var version) && version >= s_parallel ? this : this with { Channels = 1, Compressed = false };

    private static readonly Version s_parallel = new(9, 1);
}

/// <summary>Who the other side must be, and who we are.</summary>
/// <param name="CertificateFolder">
/// Folder that QEMU's user can read, with <c>ca-cert.pem</c>, and <c>client-cert.pem</c> and <c>client-key.pem</c> of who sends or <c>server-cert.pem</c> and
/// <c>server-key.pem</c> of who receives.
/// </param>
/// <param name="PeerName">Name that the other side's certificate must carry; of who receives the sender's whole distinguished name, null for any of the same authority.</param>
public sealed record TransferSecurity(string CertificateFolder, string? PeerName);

/// <summary>How far memory has come.</summary>
/// <param name="TotalBytes">Memory of the guest.</param>
/// <param name="RemainingBytes">What the other side lacks now.</param>
/// <param name="TransferredBytes">What was sent so far, in all passes.</param>
/// <param name="Pass">Times that what had changed meanwhile was looked for, from 1.</param>
/// <param name="BytesPerSecond">How fast it travels now.</param>
/// <param name="DirtyBytesPerSecond">How fast the guest changes it.</param>
public sealed record TransferStatus(long TotalBytes, long RemainingBytes, long TransferredBytes, int Pass, long BytesPerSecond, long DirtyBytesPerSecond)
{
    /// <summary>
    /// How long it takes when everything goes on as now: what is left, at the speed by which it travels faster than it changes. Null when it does not, and before anything is known.
    /// </summary>
    public TimeSpan? TimeLeft => BytesPerSecond - DirtyBytesPerSecond is var gained and > 0 && RemainingBytes / (double)gained is < 1e6 and var seconds ? TimeSpan.FromSeconds(seconds) : null;
}

/// <summary>A running machine goes to another host, where a process waits for it.</summary>
public sealed record MachineDeparture
{
    /// <summary>Address and port where the process listens, for example <c>192.0.2.1:49152</c> or <c>[2001:db8::1]:49152</c>.</summary>
    public required string Address { get; init; }

    /// <summary>Certificates; null sends in clear.</summary>
    public TransferSecurity? Security { get; init; }

    /// <summary>How memory travels.</summary>
    public TransferSettings Settings { get; init; } = new();

    /// <summary>Told how far memory has come.</summary>
    public Action<TransferStatus> Progress { get; init; } = static _ => { };

    /// <summary>The other host is not heard of any more: what is being sent is given up, also while the guest stands still for the last of it.</summary>
    public CancellationToken Lost { get; init; }

    /// <summary>
    /// Called while the guest stands still, before the last of its memory and its devices are sent: the moment to bring its disks to the other side. When
    /// it throws, the guest goes on here.
    /// </summary>
    public required Func<CancellationToken, Task> Still { get; init; }

    /// <summary>
    /// Called when the other process has everything: asks the other host to take the machine, and answers whether it did. With true the process here is
    /// ended, with false the guest goes on here. Whoever cannot know throws <see cref="HandOverUnknownException"/>: the guest stands still until
    /// <see cref="IMachine.EndDepartureAsync"/>, also over the end of this process.
    /// </summary>
    public required Func<Task<bool>> HandOver { get; init; }

    /// <summary>Called before the guest, which stood still, goes on here: the moment to have its disks here again. What it throws is left aside: the guest waits for its disks.</summary>
    public Func<Task> GoingOn { get; init; } = static () => Task.CompletedTask;
}

/// <summary>A machine that runs elsewhere comes here.</summary>
public sealed record MachineArrival
{
    /// <summary>What the process there says of its state.</summary>
    public required SavedStateHeader State { get; init; }

    /// <summary>Address to listen on; the port is chosen by the system.</summary>
    public required string Address { get; init; }

    /// <summary>Certificates; null receives in clear.</summary>
    public TransferSecurity? Security { get; init; }

    /// <summary>How memory travels.</summary>
    public TransferSettings Settings { get; init; } = new();

    /// <summary>Called with the port as soon as somebody listens there.</summary>
    public required Action<int> Listening { get; init; }
}

/// <summary>Whether the other host has taken a machine cannot be known now.</summary>
public sealed class HandOverUnknownException(string message, Exception? inner = null) : Exception(message, inner);
