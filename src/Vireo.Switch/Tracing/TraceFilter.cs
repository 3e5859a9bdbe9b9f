using System.Globalization;
using Vireo.Switch.Acls;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Tracing;

/// <summary>
/// An expression that frames fit or not, in the words of pcap-filter(7): <c>arp</c>, <c>ip</c>, <c>ip6</c>, <c>tcp</c>, <c>udp</c>, <c>icmp</c>,
/// <c>icmp6</c>, <c>broadcast</c>, <c>multicast</c>, <c>vlan N</c>, <c>ether N</c>, <c>[src|dst] host ADDRESS</c>, <c>[src|dst] port N</c>,
/// with <c>and</c>, <c>or</c>, <c>not</c> and parentheses. An address is one of IPv4, IPv6 or Ethernet, or a prefix.
/// </summary>
internal sealed class TraceFilter
{
    private const int LengthMax = 1024;
    private const int NestingMax = 32;
    private readonly Func<FrameFacts, bool> _fits;

    private TraceFilter(Func<FrameFacts, bool> fits) => _fits = fits;

    /// <summary>Fits every frame.</summary>
    public static TraceFilter Any { get; } = new(_ => true);

    /// <summary>Whether a frame fits.</summary>
    public bool Fits(in FrameFacts frame) => _fits(frame);

    /// <summary>Reads an expression.</summary>
    /// <param name="text">The expression; null or blank fits every frame.</param>
    /// <param name="filter">The filter.</param>
    /// <param name="fault">What is wrong with it, in a sentence.</param>
    public static bool TryParse(string? text, out TraceFilter filter, out string fault)
    {
        filter = Any;
        fault = "";
        if (string.IsNullOrWhiteSpace(text))
        {
            return true;
        }

        if (text.Length > LengthMax)
        {
            fault = $"A filter has at most {LengthMax} characters.";
            return false;
        }

        var reader = new Reader(text.Replace("(", " ( ", StringComparison.Ordinal).Replace(")", " ) ", StringComparison.Ordinal)
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        try
        {
            filter = new TraceFilter(reader.Expression(0));
            if (reader.Next is { } left)
            {
                fault = $"The filter goes on with '{left}' where it should end; join its parts with 'and' or 'or'.";
                return false;
            }

            return true;
        }
        catch (FormatException exception)
        {
            fault = exception.Message;
            return false;
        }
    }

    private sealed class Reader(string[] words)
    {
        private int _place;

        public string? Next => _place < words.Length ? words[_place] : null;

        public Func<FrameFacts, bool> Expression(int nesting)
        {
            if (nesting > NestingMax)
            {
                throw new FormatException($"The filter has more than {NestingMax} parentheses within each other.");
            }

            var left = Term(nesting);
            while (TryTake("or"))
            {
                var (one, other) = (left, Term(nesting));
                left = frame => one(frame) || other(frame);
            }

            return left;
        }

        private Func<FrameFacts, bool> Term(int nesting)
        {
            var left = Factor(nesting);
            while (TryTake("and"))
            {
                var (one, other) = (left, Factor(nesting));
                left = frame => one(frame) && other(frame);
            }

            return left;
        }

        private Func<FrameFacts, bool> Factor(int nesting)
        {
            var negate = false;
            while (TryTake("not"))
            {
                negate = !negate;
            }

            Func<FrameFacts, bool> found;
            if (TryTake("("))
            {
                found = Expression(nesting + 1);
                if (!TryTake(")"))
                {
                    throw new FormatException("A parenthesis of the filter is not closed.");
                }
            }
            else
            {
                found = Primitive();
            }

            return negate ? frame => !found(frame) : found;
        }

        private Func<FrameFacts, bool> Primitive()
        {
            var word = Take("a condition");
            switch (word)
            {
                case "arp":
                    return frame => frame.EtherType == 0x0806;
                case "ip":
                    return frame => frame.EtherType == 0x0800;
                case "ip6":
                    return frame => frame.EtherType == 0x86DD;
                case "tcp":
                    return frame => IsIp(frame) && frame.Protocol == 6;
                case "udp":
                    return frame => IsIp(frame) && frame.Protocol == 17;
                case "icmp":
                    return frame => frame.Network == NetworkProtocol.IPv4 && frame.Protocol == 1;
                case "icmp6":
                    return frame => frame.Network == NetworkProtocol.IPv6 && frame.Protocol == 58;
                case "broadcast":
                    return frame => frame.Destination == MacAddress.Broadcast;
                case "multicast":
                    return frame => frame.Destination.IsGroup;
                case "vlan":
                    var vlan = Number("vlan", 4095);
                    return frame => frame.Vlan == vlan;
                case "ether":
                    var type = Number("ether", ushort.MaxValue);
                    return frame => frame.EtherType == type;
                case "host":
                    return Host(null);
                case "port":
                    return Port(null);
                case "src" or "dst":
                    return TryTake("port") ? Port(word == "src") : TryTake("host") || Next is not null ? Host(word == "src") : throw new FormatException($"'{word}' needs an address or a port behind it.");
                default:
                    throw new FormatException($"'{word}' is no condition of a filter; there are arp, ip, ip6, tcp, udp, icmp, icmp6, broadcast, multicast, vlan, ether, host, port, src and dst.");
            }
        }

        private Func<FrameFacts, bool> Host(bool? asSource)
        {
            var text = Take("an address");
            if (!AclAddress.TryParse(text, out var address) || address.Kind == AclAddressKind.Any)
            {
                throw new FormatException($"'{text}' is not an address or prefix; write for example 10.0.0.1, fd00::/16 or 00-15-5D-00-00-01.");
            }

            return asSource is { } side
                ? frame => frame.Has(address, side)
                : frame => frame.Has(address, asSource: true) || frame.Has(address, asSource: false);
        }

        private Func<FrameFacts, bool> Port(bool? asSource)
        {
            var port = Number("port", ushort.MaxValue);
            return frame => frame.HasPorts && ((asSource != false && frame.SourcePort == port) || (asSource != true && frame.DestinationPort == port));
        }

        private int Number(string what, int most)
        {
            var text = Take("a number");
            var isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
            var good = isHex
                ? int.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
                : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
            return good && value >= 0 && value <= most ? value : throw new FormatException($"'{text}' behind '{what}' is not a number from 0 to {most}.");
        }

        private static bool IsIp(in FrameFacts frame) => frame.Network is NetworkProtocol.IPv4 or NetworkProtocol.IPv6;

        private string Take(string expected)
        {
            var word = Next ?? throw new FormatException($"The filter ends where {expected} should follow.");
            _place++;
            return word.ToLowerInvariant();
        }

        private bool TryTake(string word)
        {
            if (!string.Equals(Next, word, StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }

            _place++;
            return true;
        }
    }
}
