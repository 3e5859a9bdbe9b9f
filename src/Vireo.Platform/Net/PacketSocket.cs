using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Vireo.Platform.Net;

/// <summary>
/// Sees and sends the frames of one network interface, whoever they are for (packet(7)): promiscuous, without the frames that this
/// machine sends itself. Every frame is preceded by a virtio-net header of <see cref="HeaderBytes"/>, which says what the adapter or
/// the peer left undone. A VLAN tag that the adapter took out is put back.
/// </summary>
public sealed unsafe partial class PacketSocket : IDisposable
{
    /// <summary>Bytes of <c>struct virtio_net_hdr</c> (virtio 1.2 5.1.6, without the number of buffers).</summary>
    public const int HeaderBytes = 10;

    /// <summary>Bytes of a VLAN tag.</summary>
    private const int TagBytes = 4;
    private const int AddressesBytes = 12;
    private const int ControlBytes = 64;
    private const int LevelPacket = 263;
    private const int AllProtocols = 0x0300; // ETH_P_ALL in network order

    private PacketSocket(string name, int index, Descriptor descriptor)
    {
        Name = name;
        Index = index;
        Descriptor = descriptor;
    }

    /// <summary>The interface.</summary>
    public string Name { get; }

    /// <summary>Its number.</summary>
    public int Index { get; }

    /// <summary>To be polled.</summary>
    public Descriptor Descriptor { get; }

    /// <summary>Opens the interface called <paramref name="name"/>.</summary>
    /// <exception cref="IOException">There is none, or the kernel refused.</exception>
    public static PacketSocket Open(string name)
    {
        var found = NetworkInterfaces.Find(name) ?? throw new IOException($"There is no network interface '{name}'.");
        const int familyPacket = 17;
        const int rawNonBlockingCloseOnExec = 3 | 0x800 | 0x80000;

        // Protocol zero receives nothing until the socket is bound, so no frame of another interface slips in.
        var number = Socket(familyPacket, rawNonBlockingCloseOnExec, 0);
        if (number < 0)
        {
            throw SystemCall.Failed($"The network interface '{name}' could not be opened for packets");
        }

        var descriptor = new Descriptor(number);
        try
        {
            const int addMembership = 1;
            const int auxiliaryData = 8;
            const int virtioHeader = 15;
            const int ignoreOutgoing = 23;
            SetOption(descriptor, name, auxiliaryData, 1);
            SetOption(descriptor, name, virtioHeader, 1);
            SetOption(descriptor, name, ignoreOutgoing, 1);
            SetReceiveBuffer(descriptor);

            // struct packet_mreq: index, type (1 = promiscuous), address length, address.
            var membership = stackalloc byte[16];
            new Span<byte>(membership, 16).Clear();
            *(int*)membership = found.Index;
            *(ushort*)(membership + 4) = 1;

            // SAFETY: the structures live on this stack frame for the calls and are passed with their sizes.
            Check(SetSocketOption(descriptor, LevelPacket, addMembership, membership, 16), name);

            // struct sockaddr_ll: family, protocol, index, hardware type, packet type, address length, address.
            var address = stackalloc byte[20];
            new Span<byte>(address, 20).Clear();
            *(ushort*)address = familyPacket;
            *(ushort*)(address + 2) = AllProtocols;
            *(int*)(address + 4) = found.Index;
            Check(Bind(descriptor, address, 20), name);
            return new PacketSocket(name, found.Index, descriptor);
        }
        catch
        {
            descriptor.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();

    /// <summary>The header counts from the start of the frame as the kernel gave it, which had no tag.</summary>
    private static void MoveChecksum(Span<byte> header)
    {
        const byte needsChecksum = 1;
        if ((header[0] & needsChecksum) != 0)
        {
            var start = header[6..];
            BinaryPrimitives.WriteUInt16LittleEndian(start, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(start) + TagBytes));
        }
    }

    private static uint? FindTag(byte* control, nuint length)
    {
        // struct cmsghdr: length (8 bytes), level, type; then struct tpacket_auxdata: status, length, captured length (4 bytes each),
        // link offset, network offset, tag, tag protocol (2 bytes each).
        const int headerBytes = 16;
        const int auxiliaryBytes = 20;
        const int auxiliaryData = 8;
        const uint tagValid = 1 << 4;
        const uint protocolValid = 1 << 6;
        if (length < headerBytes + auxiliaryBytes)
        {
            return null;
        }

        var message = new ReadOnlySpan<byte>(control, (int)length);
        if (BinaryPrimitives.ReadInt32LittleEndian(message[8..]) != LevelPacket || BinaryPrimitives.ReadInt32LittleEndian(message[12..]) != auxiliaryData)
        {
            return null;
        }

        var data = message[headerBytes..];
        var status = BinaryPrimitives.ReadUInt32LittleEndian(data);
        if ((status & tagValid) == 0)
        {
            return null;
        }

        var protocol = (status & protocolValid) != 0 ? BinaryPrimitives.ReadUInt16LittleEndian(data[18..]) : (ushort)0x8100;
        return ((uint)protocol << 16) | BinaryPrimitives.ReadUInt16LittleEndian(data[16..]);
    }

    private static void SetOption(Descriptor descriptor, string name, int option, int value) =>
        Check(SetSocketOption(descriptor, LevelPacket, option, &value, sizeof(int)), name);

    /// <summary>Room for bursts; where the limit may not be exceeded the kernel's default stays.</summary>
    private static void SetReceiveBuffer(Descriptor descriptor)
    {
        const int levelSocket = 1;
        const int receiveBufferForce = 33;
        var bytes = 8 << 20;
        _ = SetSocketOption(descriptor, levelSocket, receiveBufferForce, &bytes, sizeof(int));
    }

    private static void Check(int result, string name)
    {
        if (result != 0)
        {
            throw SystemCall.Failed($"The network interface '{name}' could not be set up for packets");
        }
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetSocketOption(Descriptor socket, int level, int option, void* value, uint length);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(Descriptor socket, void* address, uint length);

    /// <summary><c>struct msghdr</c> of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct MessageHeader
    {
        public void* Address;
        public uint AddressLength;
        public IoVector* Parts;
        public nuint PartCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
