using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Vireo.Switch.Sdk;

namespace Vireo.Extensions.StatefulFirewall;

/// <summary>A rule as it is applied. Immutable.</summary>
internal sealed class Rule
{
    private readonly bool _isInbound;
    private readonly byte[]? _protocols;
    private readonly UInt128 _value;
    private readonly UInt128 _mask;
    private readonly (ushort First, ushort Last)[]? _localPorts;
    private readonly (ushort First, ushort Last)[]? _remotePorts;

    /// <summary>Reads a rule.</summary>
    /// <exception cref="FormatException">It says something that cannot be; the message is a sentence.</exception>
    public Rule(RuleSettings settings)
    {
        Allow = settings.Allow;
        _isInbound = settings.Direction?.ToUpperInvariant() switch
        {
            "INBOUND" => true,
            "OUTBOUND" => false,
            _ => throw new FormatException($"the direction '{settings.Direction}' is neither Inbound nor Outbound."),
        };
        _protocols = settings.Protocol?.ToUpperInvariant() switch
        {
            null or "ANY" => null,
            "TCP" => [6],
            "UDP" => [17],
            "ICMP" => [1, 58],
            var text => byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? [number] : throw new FormatException($"the protocol '{settings.Protocol}' is not known; use TCP, UDP, ICMP, a number or Any."),
        };
        (_value, _mask) = ReadPrefix(settings.RemoteAddress);
        _localPorts = ReadPorts(settings.LocalPort);
        _remotePorts = ReadPorts(settings.RemotePort);
        if ((_localPorts ?? _remotePorts) is not null && _protocols is not ([6] or [17]))
        {
            throw new FormatException("ports need the protocol TCP or UDP.");
        }
    }

    /// <summary>What it decides.</summary>
    public bool Allow { get; }

    /// <summary>Whether it is about a conversation.</summary>
    public bool Fits(in Connection connection) =>
        connection.IsInbound == _isInbound
        && (_protocols is null || _protocols.AsSpan().Contains(connection.Protocol))
        && (connection.RemoteAddress & _mask) == _value
        && Contains(_localPorts, connection.LocalPort)
        && Contains(_remotePorts, connection.RemotePort);

    private static bool Contains((ushort First, ushort Last)[]? ranges, ushort port)
    {
        if (ranges is null)
        {
            return true;
        }

        foreach (var (first, last) in ranges)
        {
            if (port >= first && port <= last)
            {
                return true;
            }
        }

        return false;
    }

    // Both versions as 128 bits: IPv4 is ::ffff:a.b.c.d.
    private static (UInt128 Value, UInt128 Mask) ReadPrefix(string? text)
    {
        if (text is null || text.Equals("Any", StringComparison.OrdinalIgnoreCase))
        {
            return (0, 0);
        }

        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (!IPAddress.TryParse(slash < 0 ? text : text[..slash], out var address))
        {
            throw new FormatException($"'{text}' is neither an address nor a prefix.");
        }

        var isV6 = address.AddressFamily == AddressFamily.InterNetworkV6;
        var bits = isV6 ? 128 : 32;
        var prefix = bits;
        if (slash >= 0 && (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out prefix) || prefix > bits))
        {
            throw new FormatException($"the prefix length of '{text}' is not 0 to {bits}.");
        }

        var value = BinaryPrimitives.ReadUInt128BigEndian(address.MapToIPv6().GetAddressBytes());
        var fixedBits = prefix + (128 - bits);
        var mask = fixedBits == 0 ? 0 : UInt128.MaxValue << (128 - fixedBits);
        return (value & mask, mask);
    }

    private static (ushort First, ushort Last)[]? ReadPorts(string? text)
    {
        if (text is null || text.Equals("Any", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        List<(ushort First, ushort Last)> ranges = [];
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var ends = part.Split('-');
            if (ends.Length > 2 || !TryReadPort(ends[0], out var first) || !TryReadPort(ends[^1], out var last) || first > last)
            {
                throw new FormatException($"'{text}' is no list of ports; use for example 80,443,1000-2000.");
            }

            ranges.Add((first, last));
        }

        return [.. ranges];
    }

    private static bool TryReadPort(string text, out ushort port) => ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port);
}

/// <summary>A tenant as it is applied. Immutable.</summary>
internal sealed class Tenant
{
    private readonly Rule[] _rules;
    private readonly bool _allowInbound;
    private readonly bool _allowOutbound;

    /// <summary>Reads the rules.</summary>
    /// <exception cref="FormatException">One says something that cannot be; the message names it.</exception>
    public Tenant(TenantSettings settings)
    {
        _allowInbound = settings.AllowInbound;
        _allowOutbound = settings.AllowOutbound;
        _rules = new Rule[settings.Rules?.Length ?? 0];
        for (var index = 0; index < _rules.Length; index++)
        {
            try
            {
                _rules[index] = new Rule(settings.Rules![index]);
            }
            catch (FormatException exception)
            {
                throw new FormatException($"rule {index + 1} of the tenant '{settings.Name}' cannot be: {exception.Message}", exception);
            }
        }
    }

    /// <summary>A tenant that nobody has defined: nothing begins.</summary>
    public static Tenant Nobody { get; } = new(new TenantSettings { AllowOutbound = false });

    /// <summary>Whether a conversation may begin.</summary>
    public bool Allows(in Connection connection)
    {
        foreach (var rule in _rules)
        {
            if (rule.Fits(connection))
            {
                return rule.Allow;
            }
        }

        return connection.IsInbound ? _allowInbound : _allowOutbound;
    }
}
