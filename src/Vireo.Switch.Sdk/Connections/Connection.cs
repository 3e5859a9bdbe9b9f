namespace Vireo.Switch.Sdk;

/// <summary>A conversation about to begin, seen from who is behind a port.</summary>
public readonly ref struct Connection
{
    private readonly ConnectionKey _key;

    internal Connection(in ConnectionKey key, bool isInbound, bool isV6, SwitchPort port)
    {
        _key = key;
        IsInbound = isInbound;
        IsV6 = isV6;
        Port = port;
    }

    /// <summary>The port.</summary>
    public SwitchPort Port { get; }

    /// <summary>The other side begins it.</summary>
    public bool IsInbound { get; }

    /// <summary>It is IPv6.</summary>
    public bool IsV6 { get; }

    /// <summary>6 TCP, 17 UDP, 1 ICMP, 58 ICMPv6, or another protocol.</summary>
    public byte Protocol => _key.Protocol;

    /// <summary>Address of who is behind the port; IPv4 in the form ::ffff:a.b.c.d.</summary>
    public UInt128 LocalAddress => _key.Local;

    /// <summary>Address of the other side, likewise.</summary>
    public UInt128 RemoteAddress => _key.Remote;

    /// <summary>TCP or UDP port of who is behind the switch port; the identifier of an echo; else zero.</summary>
    public ushort LocalPort => _key.LocalPort;

    /// <summary>TCP or UDP port of the other side.</summary>
    public ushort RemotePort => _key.RemotePort;

    /// <summary>VLAN inside the switch, zero for none.</summary>
    public ushort VlanId => _key.Vlan;
}

/// <summary>What tells conversations apart.</summary>
internal readonly record struct ConnectionKey(UInt128 Local, UInt128 Remote, ushort LocalPort, ushort RemotePort, ushort Vlan, ushort Port, byte Protocol)
{
    public ulong Hash(ulong secret)
    {
        var hash = secret ^ (((ulong)LocalPort << 48) | ((ulong)RemotePort << 32) | ((ulong)Vlan << 16) | Port);
        hash = Mix(hash ^ (ulong)Local);
        hash = Mix(hash ^ (ulong)(Local >> 64));
        hash = Mix(hash ^ (ulong)Remote);
        return Mix(hash ^ (ulong)(Remote >> 64) ^ Protocol);
    }

    // The finalizer of MurmurHash3: each bit of the input decides about each of the output.
    private static ulong Mix(ulong value)
    {
        value ^= value >> 33;
        value *= 0xFF51_AFD7_ED55_8CCD;
        value ^= value >> 33;
        value *= 0xC4CE_B9FE_1A85_EC53;
        return value ^ (value >> 33);
    }
}
