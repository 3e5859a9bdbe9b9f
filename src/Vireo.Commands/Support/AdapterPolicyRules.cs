using System.Globalization;
using System.Net;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Reads what people write about VLANs and access rules, and says what is wrong with it.</summary>
internal static class AdapterPolicyRules
{
    private const int VlanMaximum = 4094;

    /// <summary>A list of VLANs: <c>1-10,20</c>.</summary>
    public static IReadOnlyList<int> Vlans(string text, string parameter)
    {
        SortedSet<int> found = [];
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var ends = part.Split('-');
            if (ends.Length > 2
                || !int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
                || !int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var last)
                || first < 1 || last > VlanMaximum || last < first)
            {
                throw Errors.Invalid($"'{part}' in -{parameter} is not a VLAN or a range of VLANs from 1 to {VlanMaximum}; write for example 10,20-29.", parameter);
            }

            found.UnionWith(Enumerable.Range(first, last - first + 1));
        }

        return [.. found];
    }

    /// <summary>An Ethernet address of a rule in the form that is stored; null is any.</summary>
    public static string? Mac(string text) => IsAny(text) ? null : MacAddresses.Parse(text);

    /// <summary>A network address or prefix of a rule in the form that is stored; null is any.</summary>
    public static string? Network(string text)
    {
        if (IsAny(text))
        {
            return null;
        }

        if (IPAddress.TryParse(text, out var address) && !text.Contains('%', StringComparison.Ordinal))
        {
            return address.ToString();
        }

        // A prefix with bits behind it is more likely a mistake than a wish.
        return IPNetwork.TryParse(text, out var network) && IPAddress.TryParse(text[..text.IndexOf('/', StringComparison.Ordinal)], out var written) && network.BaseAddress.Equals(written)
            ? network.ToString()
            : throw Errors.Invalid($"'{text}' is not an IPv4 or IPv6 address, nor a prefix whose bits behind the prefix are zero; write for example 10.0.0.0/8 or ANY.", text);
    }

    /// <summary>A port or a range of a rule; null is any.</summary>
    public static string? Port(string? text)
    {
        if (text is null || IsAny(text))
        {
            return null;
        }

        var ends = text.Split('-');
        return ends.Length <= 2
            && ushort.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
            && ushort.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var last) && first <= last
            ? text
            : throw Errors.Invalid($"'{text}' is not a port from 0 to 65535 nor a range of ports; write for example 80, 8000-8999 or ANY.", text);
    }

    /// <summary>A protocol of a rule; null is any.</summary>
    public static string? Protocol(string? text)
    {
        if (text is null || IsAny(text))
        {
            return null;
        }

        var name = text.ToUpperInvariant();
        return name is "TCP" or "UDP" or "ICMP" or "ICMPV6" || byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _)
            ? name
            : throw Errors.Invalid($"'{text}' is not a protocol; write TCP, UDP, ICMP, a number from 0 to 255, or ANY.", text);
    }

    /// <summary>Throws when an adapter cannot have the extended rule besides its others.</summary>
    public static void Require(AdapterExtendedAclConfiguration rule, AdapterPolicyConfiguration policy, string adapter)
    {
        if ((rule.LocalPort ?? rule.RemotePort) is not null && rule.Protocol is not ("TCP" or "UDP" or "6" or "17"))
        {
            throw Errors.Invalid("A rule with a port needs -Protocol TCP or UDP, because others have no ports.", rule.Protocol);
        }

        if (rule.Stateful && !rule.Allow)
        {
            throw Errors.Invalid("A rule that denies cannot be stateful: nothing would be answered.", rule.Weight);
        }

        if (rule.IdleTimeoutSeconds < 0 || (rule.IdleTimeoutSeconds != 0 && !rule.Stateful))
        {
            throw Errors.Invalid("-IdleSessionTimeout is a number of seconds, of a rule with -Stateful.", rule.IdleTimeoutSeconds);
        }

        if (policy.ExtendedAcls.Any(other => other.Weight == rule.Weight && other.Direction == rule.Direction))
        {
            throw Errors.Exists($"The adapter '{adapter}' has an extended access rule with the weight {rule.Weight} for {rule.Direction} already; choose another weight or remove that one.", rule.Weight);
        }
    }

    private static bool IsAny(string text) => text == "*" || text.Equals("ANY", StringComparison.OrdinalIgnoreCase);
}
