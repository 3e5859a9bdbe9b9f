using System.Runtime.InteropServices;
using Vireo.Platform.Files;

namespace Vireo.Platform.Sockets;

/// <summary>
/// A Unix datagram socket with a file of its own, which talks to one peer by the peer's file (unix(7)). Nothing is connected: whichever of the two
/// comes back after it was gone binds its path again, and the other finds it there. What somebody else sends is thrown away.
/// </summary>
public sealed unsafe partial class UnixDatagramSocket : IDisposable
{
    private const int OwnerAndGroup = 0x1B0; // octal 0660
    private const int FamilyBytes = 2;

    private readonly byte[] _peer;
    private readonly int _peerBytes;

    private UnixDatagramSocket(Descriptor descriptor, string path, byte[] peer)
    {
        Descriptor = descriptor;
        Path = path;
        _peer = peer;

        // With the terminating zero: so the kernel tells a path that was bound by its length.
        _peerBytes = FamilyBytes + peer.AsSpan(FamilyBytes).IndexOf((byte)0) + 1;
    }

    /// <summary>To be polled. It never blocks.</summary>
    public Descriptor Descriptor { get; }

    /// <summary>Where it receives.</summary>
    public string Path { get; }

    /// <summary>Receives at <paramref name="path"/>. A socket file left by a process that is gone is replaced.</summary>
    /// <param name="path">At most 107 bytes.</param>
    /// <param name="peer">Path of the other end, which need not exist yet; at most 107 bytes.</param>
    /// <param name="group">Group that may send besides the owner; the process's own group when null.</param>
    /// <exception cref="IOException">There is another kind of file, or the file system refused.</exception>
    public static UnixDatagramSocket Bind(string path, string peer, int? group = null)
    {
        var address = UnixSocketAddress.Of(path);
        var peerAddress = UnixSocketAddress.Of(peer);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!);
        if (FileOwner.IsSocket(path))
        {
            File.Delete(path);
        }
        else if (System.IO.Path.Exists(path))
        {
            throw new IOException($"'{path}' exists and is not a socket; remove it or choose another socket path.");
        }

        const int familyUnix = 1;
        const int datagramNonBlockingCloseOnExec = 2 | 0x800 | 0x80000;
        var number = Socket(familyUnix, datagramNonBlockingCloseOnExec, 0);
        if (number < 0)
        {
            throw SystemCall.Failed($"The socket '{path}' could not be made");
        }

        var descriptor = new Descriptor(number);
        var bound = false;
        try
        {
            bound = BindAddress(descriptor, address, UnixSocketAddress.LengthBytes) == 0;
            if (!bound)
            {
                throw SystemCall.Failed($"The socket '{path}' could not be made");
            }

            FileOwner.SetMode(path, OwnerAndGroup);
            if (group is { } id)
            {
                FileOwner.SetGroup(path, id);
            }

            return new UnixDatagramSocket(descriptor, path, peerAddress);
        }
        catch
        {
            descriptor.Dispose();
            if (bound)
            {
                File.Delete(path);
            }

            throw;
        }
    }

    /// <summary>Receives one datagram; one that is longer than <paramref name="datagram"/> is cut.</summary>
    /// <param name="datagram">Receives it.</param>
    /// <param name="fromPeer">It came from the peer; what did not is to be thrown away.</param>
    /// <returns>Its bytes as they were sent, which may be more than there was room for; or the negative error number: -<see cref="SystemCall.Again"/> when there is none.</returns>
    public int Receive(Span<byte> datagram, out bool fromPeer)
    {
        const int trueLength = 0x20; // MSG_TRUNC
        var sender = stackalloc byte[UnixSocketAddress.LengthBytes];
        var senderBytes = (uint)UnixSocketAddress.LengthBytes;
        nint received;

        // SAFETY: the span is pinned for the call and passed with its length; the address lives on this stack frame, and the kernel writes no more of it
        // than it is told there is room for.
        fixed (byte* start = datagram)
        {
            received = ReceiveFrom(Descriptor, start, (nuint)datagram.Length, trueLength, sender, &senderBytes);
        }

        if (received < 0)
        {
            fromPeer = false;
            return -Marshal.GetLastPInvokeError();
        }

        fromPeer = senderBytes == _peerBytes && new ReadOnlySpan<byte>(sender, _peerBytes).SequenceEqual(_peer.AsSpan(0, _peerBytes));
        return (int)Math.Min(received, int.MaxValue);
    }

    /// <summary>Sends one datagram to the peer.</summary>
    /// <returns>Zero, or the negative error number: -<see cref="SystemCall.Again"/> when the peer has no room for it, another one when nobody is there.</returns>
    public int Send(ReadOnlySpan<byte> datagram)
    {
        // SAFETY: both arrays are pinned for the call and passed with their lengths.
        fixed (byte* start = datagram, address = _peer)
        {
            return SendTo(Descriptor, start, (nuint)datagram.Length, 0, address, (uint)_peerBytes) >= 0 ? 0 : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Closes it and removes its file.</summary>
    public void Dispose()
    {
        if (!Descriptor.IsClosed)
        {
            Descriptor.Dispose();
            File.Delete(Path);
        }
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int BindAddress(Descriptor socket, ReadOnlySpan<byte> address, uint length);

    [LibraryImport("libc", EntryPoint = "recvfrom", SetLastError = true)]
    private static partial nint ReceiveFrom(Descriptor socket, byte* buffer, nuint length, int flags, byte* address, uint* addressLength);

    [LibraryImport("libc", EntryPoint = "sendto", SetLastError = true)]
    private static partial nint SendTo(Descriptor socket, byte* buffer, nuint length, int flags, byte* address, uint addressLength);
}
