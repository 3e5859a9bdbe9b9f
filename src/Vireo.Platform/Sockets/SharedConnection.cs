using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Vireo.Platform.Processes;

namespace Vireo.Platform.Sockets;

/// <summary>
/// A TCP connection that another process works with, and that we hold as well: one that we made to hand over, or one that it made itself. The kernel ends it when the link
/// falls silent; <see cref="End"/> ends it at once, and whatever call its user waits in returns. Disposing only lets go of it.
/// </summary>
public sealed partial class SharedConnection : IDisposable
{
    private const int PidfdGetFd = 438;
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int TcpLevel = 6; // IPPROTO_TCP
    private const int KeepAlive = 9; // SO_KEEPALIVE
    private const int KeepAliveTime = 4; // TCP_KEEPIDLE, seconds
    private const int KeepAliveInterval = 5; // TCP_KEEPINTVL, seconds
    private const int KeepAliveProbes = 6; // TCP_KEEPCNT
    private const int UserTimeout = 18; // TCP_USER_TIMEOUT, milliseconds: how long what was sent may stay unacknowledged
    private const int Both = 2; // SHUT_RDWR
    private const int LongestAddress = 128; // struct sockaddr_storage

    private SharedConnection(Descriptor descriptor, string name) => (Descriptor, Name) = (descriptor, name);

    /// <summary>To be handed over. The other process's is another descriptor of the same connection.</summary>
    public Descriptor Descriptor { get; }

    /// <summary>The kernel's name of it, for example <c>socket:[4711]</c>; the same in every process.</summary>
    public string Name { get; }

    /// <summary>Connects; the one who gets it finds it blocking or not, as the last one to hold it has left it.</summary>
    /// <param name="remote">Where to.</param>
    /// <param name="silence">How long the other side may not be heard of while something is to be heard.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="SocketException">Nobody answers there, or refuses.</exception>
    public static async Task<SharedConnection> ConnectAsync(IPEndPoint remote, TimeSpan silence, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(remote);
        using var socket = new Socket(remote.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(silence);
        try
        {
            await socket.ConnectAsync(remote, patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new SocketException((int)SocketError.TimedOut);
        }

        return Hold(Descriptor.DuplicateOf(socket.SafeHandle), silence);
    }

    /// <summary>Holds the connections to <paramref name="remote"/> that a process has made itself, but for those of <paramref name="known"/> names (pidfd_getfd(2)).</summary>
    /// <exception cref="IOException">The kernel does not let us, for which CAP_SYS_PTRACE is needed where the process is another user's.</exception>
    public static IReadOnlyList<SharedConnection> Find(int processId, ProcessHandle process, IPEndPoint remote, TimeSpan silence, IReadOnlySet<string> known)
    {
        ArgumentNullException.ThrowIfNull(process);
        ArgumentNullException.ThrowIfNull(remote);
        ArgumentNullException.ThrowIfNull(known);
        var found = new List<SharedConnection>();
        try
        {
            foreach (var entry in new DirectoryInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/fd")).EnumerateFileSystemInfos())
            {
                if (entry.LinkTarget is { } name && name.StartsWith("socket:", StringComparison.Ordinal) && !known.Contains(name)
                    && TryTake(process, int.Parse(entry.Name, CultureInfo.InvariantCulture)) is { } taken)
                {
                    // The number may have come to mean something else since its name was read.
                    using var held = taken;
                    if (held.KernelName() == name && remote.Equals(RemoteOf(held)))
                    {
                        found.Add(Hold(held.Duplicate(), silence));
                    }
                }
            }
        }
        catch (DirectoryNotFoundException)
        {
            // The process has ended, which is noticed elsewhere.
        }
        catch (UnauthorizedAccessException refused)
        {
            throw new IOException($"The connections of process {processId} cannot be seen: {refused.Message}", refused);
        }

        return found;
    }

    /// <summary>Ends the connection, in both directions, for everybody who has it. May be repeated.</summary>
    public void End() => _ = Shutdown(Descriptor, Both);

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();

    private static SharedConnection Hold(Descriptor descriptor, TimeSpan silence)
    {
        var seconds = Math.Max(1, (int)silence.TotalSeconds);
        Set(descriptor, SocketLevel, KeepAlive, 1);
        Set(descriptor, TcpLevel, KeepAliveTime, Math.Max(1, seconds / 2));
        Set(descriptor, TcpLevel, KeepAliveInterval, Math.Max(1, seconds / 10));
        Set(descriptor, TcpLevel, KeepAliveProbes, 5);
        Set(descriptor, TcpLevel, UserTimeout, (int)silence.TotalMilliseconds);
        return new(descriptor, descriptor.KernelName() ?? "");
    }

    private static unsafe void Set(Descriptor descriptor, int level, int option, int value)
    {
        // SAFETY: the kernel reads four bytes of a local.
        if (SetOption(descriptor, level, option, &value, sizeof(int)) != 0)
        {
            throw SystemCall.Failed("A connection could not be told how long it may be silent");
        }
    }

    private static Descriptor? TryTake(ProcessHandle process, int number)
    {
        const int badDescriptor = 9;
        const int noProcess = 3;
        var taken = (int)Call(PidfdGetFd, process, number, 0);
        if (taken >= 0)
        {
            return new Descriptor(taken);
        }

        // Closed in the meantime, or the process has ended.
        return Marshal.GetLastPInvokeError() is badDescriptor or noProcess ? null : throw SystemCall.Failed("A connection of another process cannot be held");
    }

    private static unsafe IPEndPoint? RemoteOf(Descriptor descriptor)
    {
        const int internet = 2;
        const int internet6 = 10;
        Span<byte> address = stackalloc byte[LongestAddress];
        var length = (uint)LongestAddress;

        // SAFETY: the kernel writes at most as many bytes as the length says, into a local of that size.
        fixed (byte* start = address)
        {
            if (PeerName(descriptor, start, &length) != 0)
            {
                return null;
            }
        }

        var port = BinaryPrimitives.ReadUInt16BigEndian(address[2..]);
        return BinaryPrimitives.ReadUInt16LittleEndian(address) switch
        {
            internet => new(new IPAddress(address.Slice(4, 4)), port),
            internet6 when new IPAddress(address.Slice(8, 16)) is var six => new(six.IsIPv4MappedToIPv6 ? six.MapToIPv4() : six, port),
            _ => null,
        };
    }

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static unsafe partial int SetOption(Descriptor socket, int level, int option, void* value, uint length);

    [LibraryImport("libc", EntryPoint = "getpeername", SetLastError = true)]
    private static unsafe partial int PeerName(Descriptor socket, byte* address, uint* length);

    [LibraryImport("libc", EntryPoint = "shutdown", SetLastError = true)]
    private static partial int Shutdown(Descriptor socket, int how);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, ProcessHandle process, nint descriptor, nint flags);
}
