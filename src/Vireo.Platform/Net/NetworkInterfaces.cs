using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;

namespace Vireo.Platform.Net;

/// <summary>A network interface of this network namespace.</summary>
/// <param name="Name">For example <c>eth0</c>.</param>
/// <param name="Index">Its number.</param>
/// <param name="Driver">Name of its driver, or null when it has none to tell.</param>
/// <param name="Address">Hardware address, six bytes.</param>
/// <param name="IsUp">Administratively up.</param>
/// <param name="IsLoopback">The loopback interface.</param>
/// <param name="IsEthernet">Carries Ethernet frames.</param>
public sealed record NetworkInterfaceState(
    string Name, int Index, string? Driver, ReadOnlyMemory<byte> Address, bool IsUp, bool IsLoopback, bool IsEthernet);

/// <summary>
/// Lists and sets up network interfaces with the requests of netdevice(7), which see the network namespace of the calling process;
/// the files below <c>/sys/class/net</c> may show another one.
/// </summary>
public static partial class NetworkInterfaces
{
    private const nuint GetFlags = 0x8913;
    private const nuint SetFlags = 0x8914;
    private const nuint SetAddress = 0x8916;
    private const nuint SetNetmask = 0x891C;
    private const nuint SetMtuRequest = 0x8922;
    private const nuint SetHardwareAddressRequest = 0x8924;
    private const nuint GetHardwareAddress = 0x8927;
    private const nuint Ethtool = 0x8946;
    private const short Up = 0x1;
    private const short Loopback = 0x8;
    private const ushort EthernetHardware = 1;

    /// <summary>Whether Linux would accept <paramref name="name"/> for an interface.</summary>
    public static bool IsPossibleName(string? name) => InterfaceRequest.IsPossibleName(name);

    /// <summary>All interfaces, by number.</summary>
    public static IReadOnlyList<NetworkInterfaceState> List()
    {
        using var socket = OpenSocket();
        List<NetworkInterfaceState> found = [];
        foreach (var (index, name) in Names())
        {
            // One may vanish while we look.
            if (Describe(socket, name, index) is { } state)
            {
                found.Add(state);
            }
        }

        return found;
    }

    /// <summary>The interface called <paramref name="name"/>, or null.</summary>
    public static NetworkInterfaceState? Find(string name)
    {
        if (!IsPossibleName(name))
        {
            return null;
        }

        using var socket = OpenSocket();
        var index = NameToIndex(name);
        return index == 0 ? null : Describe(socket, name, (int)index);
    }

    /// <summary>Brings an interface up or down.</summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public static void SetUp(string name, bool up)
    {
        using var socket = OpenSocket();
        var request = new InterfaceRequest(name);
        Check(request.Call(socket, GetFlags), $"The flags of the network interface '{name}' could not be read");
        request.Flags = up ? (short)(request.Flags | Up) : (short)(request.Flags & ~Up);
        Check(request.Call(socket, SetFlags), $"The network interface '{name}' could not be brought {(up ? "up" : "down")}");
    }

    /// <summary>Sets the hardware address.</summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public static void SetHardwareAddress(string name, ReadOnlySpan<byte> address)
    {
        using var socket = OpenSocket();
        var request = new InterfaceRequest(name);
        BinaryPrimitives.WriteUInt16LittleEndian(request.Data, EthernetHardware);
        address.CopyTo(request.Data[2..]);
        Check(request.Call(socket, SetHardwareAddressRequest), $"The address of the network interface '{name}' could not be set");
    }

    /// <summary>Sets the greatest length of an IP packet, in bytes.</summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public static void SetMtu(string name, int bytes)
    {
        using var socket = OpenSocket();
        var request = new InterfaceRequest(name) { Integer = bytes };
        Check(request.Call(socket, SetMtuRequest), $"The MTU of the network interface '{name}' could not be set to {bytes}");
    }

    /// <summary>Speed of an interface's link in bits a second, or zero when its driver does not tell or the link is down.</summary>
    public static unsafe long SpeedOf(string name)
    {
        const uint getSettings = 1;
        const int bytes = 44;
        const ushort unknown = 0xFFFF;
        using var socket = OpenSocket();
        var settings = stackalloc byte[bytes];
        new Span<byte>(settings, bytes).Clear();
        *(uint*)settings = getSettings;
        var request = new InterfaceRequest(name) { Pointer = (nint)settings };

        // SAFETY: struct ethtool_cmd has 44 bytes, which live on this stack frame; the halves of the speed in Mbit/s are at 12 and 28.
        if (request.Call(socket, Ethtool) != 0)
        {
            return 0;
        }

        var (low, high) = (*(ushort*)(settings + 12), *(ushort*)(settings + 28));
        return low == unknown && high is 0 or unknown ? 0 : (((long)high << 16) | low) * 1_000_000;
    }

    /// <summary>Gives an interface its first IPv4 address and network; the same again changes nothing.</summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public static void SetIPv4Address(string name, IPAddress address, int prefixLength)
    {
        using var socket = OpenSocket();
        Set(socket, name, SetAddress, address.GetAddressBytes());
        var mask = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(mask, prefixLength == 0 ? 0 : uint.MaxValue << (32 - prefixLength));
        Set(socket, name, SetNetmask, mask);
    }

    private static void Set(Descriptor socket, string name, nuint what, ReadOnlySpan<byte> address)
    {
        const ushort familyInet = 2;
        var request = new InterfaceRequest(name);

        // struct sockaddr_in: family, port, address.
        BinaryPrimitives.WriteUInt16LittleEndian(request.Data, familyInet);
        address.CopyTo(request.Data[4..]);
        Check(request.Call(socket, what), $"The IPv4 address of the network interface '{name}' could not be set");
    }

    private static NetworkInterfaceState? Describe(Descriptor socket, string name, int index)
    {
        if (!IsPossibleName(name))
        {
            return null;
        }

        var request = new InterfaceRequest(name);
        if (request.Call(socket, GetFlags) != 0)
        {
            return null;
        }

        var flags = request.Flags;
        request = new InterfaceRequest(name);
        if (request.Call(socket, GetHardwareAddress) != 0)
        {
            return null;
        }

        var isEthernet = BinaryPrimitives.ReadUInt16LittleEndian(request.Data) == EthernetHardware;
        return new NetworkInterfaceState(
            name, index, Driver(socket, name), request.Data.Slice(2, 6).ToArray(), (flags & Up) != 0, (flags & Loopback) != 0, isEthernet);
    }

    private static unsafe string? Driver(Descriptor socket, string name)
    {
        const uint getDriverInformation = 3;
        const int bytes = 196;
        var information = stackalloc byte[bytes];
        new Span<byte>(information, bytes).Clear();
        *(uint*)information = getDriverInformation;
        var request = new InterfaceRequest(name) { Pointer = (nint)information };

        // SAFETY: struct ethtool_drvinfo has 196 bytes, which live on this stack frame; the driver's name is 32 of them at 4.
        if (request.Call(socket, Ethtool) != 0)
        {
            return null;
        }

        var text = new ReadOnlySpan<byte>(information + 4, 32);
        var end = text.IndexOf((byte)0);
        return end == 0 ? null : Encoding.ASCII.GetString(end < 0 ? text : text[..end]);
    }

    private static unsafe List<(int Index, string Name)> Names()
    {
        List<(int, string)> names = [];
        var entries = NameIndex();
        if (entries is null)
        {
            throw SystemCall.Failed("The network interfaces could not be listed");
        }

        // SAFETY: if_nameindex(3): an array of { unsigned int; char *; } that ends with a zero, ours until it is freed.
        for (var entry = entries; entry->Index != 0; entry++)
        {
            names.Add(((int)entry->Index, Marshal.PtrToStringUTF8(entry->Name) ?? ""));
        }

        FreeNameIndex(entries);
        return names;
    }

    private static Descriptor OpenSocket()
    {
        const int familyInet = 2;
        const int datagramCloseOnExec = 2 | 0x80000;
        var number = Socket(familyInet, datagramCloseOnExec, 0);
        return number >= 0 ? new Descriptor(number) : throw SystemCall.Failed("A socket for network settings could not be made");
    }

    private static void Check(int result, string what)
    {
        if (result != 0)
        {
            throw new IOException($"{what}: {Marshal.GetPInvokeErrorMessage(-result)}.", -result);
        }
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "if_nametoindex", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint NameToIndex(string name);

    [LibraryImport("libc", EntryPoint = "if_nameindex", SetLastError = true)]
    private static unsafe partial NameIndexEntry* NameIndex();

    [LibraryImport("libc", EntryPoint = "if_freenameindex")]
    private static unsafe partial void FreeNameIndex(NameIndexEntry* entries);

    [StructLayout(LayoutKind.Sequential)]
    private struct NameIndexEntry
    {
        public uint Index;
        public nint Name;
    }
}
