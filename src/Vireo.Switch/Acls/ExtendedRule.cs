using System.Globalization;
using Vireo.Control.Switching;

namespace Vireo.Switch.Acls;

/// <summary>A rule by addresses, protocol and ports, compiled.</summary>
internal sealed class ExtendedRule
{
    private const int DefaultIdleSeconds = 255;
    private readonly AclAddress _local;
    private readonly AclAddress _remote;
    private readonly PortRange _localPorts;
    private readonly PortRange _remotePorts;
    private readonly byte? _protocol;

    /// <summary>Compiles a valid rule.</summary>
    public ExtendedRule(ExtendedAclSpecification asked)
    {
        Asked = asked;
        _local = AclAddress.Parse(asked.LocalAddress);
        _remote = AclAddress.Parse(asked.RemoteAddress);
        _localPorts = PortRange.TryParse(asked.LocalPort, out var ports) ? ports : throw new FormatException($"'{asked.LocalPort}' is not a port.");
        _remotePorts = PortRange.TryParse(asked.RemotePort, out ports) ? ports : throw new FormatException($"'{asked.RemotePort}' is not a port.");
        _protocol = TryParseProtocol(asked.Protocol, out var protocol) ? protocol : throw new FormatException($"'{asked.Protocol}' is not a protocol.");
        IdleSeconds = (uint)(asked.IdleTimeoutSeconds == 0 ? DefaultIdleSeconds : asked.IdleTimeoutSeconds);
    }

    /// <summary>What was asked for.</summary>
    public ExtendedAclSpecification Asked { get; }

    /// <summary>After this silence answers are no longer expected.</summary>
    public uint IdleSeconds { get; }

    /// <summary>Whether a frame fits. A fragment other than the first has no ports and fits only where none are named.</summary>
    public bool Fits(in Flow flow, bool hasPorts) =>
        (_protocol is null || _protocol == flow.Protocol || (_protocol == 1 && flow.Protocol == 58))
        && _local.Fits(0, isNetwork: true, flow.Local) && _remote.Fits(0, isNetwork: true, flow.Remote)
        && _localPorts.Fits(flow.LocalPort, hasPorts) && _remotePorts.Fits(flow.RemotePort, hasPorts);

    /// <summary>What is wrong with rules, each as one sentence.</summary>
    public static void Validate(IReadOnlyList<ExtendedAclSpecification> rules, List<string> faults)
    {
        foreach (var rule in rules)
        {
            if (rule.Direction is not (PortAclDirection.Inbound or PortAclDirection.Outbound))
            {
                faults.Add($"The extended access rule with weight {rule.Weight} needs a direction: Inbound or Outbound.");
            }

            foreach (var text in new[] { rule.LocalAddress, rule.RemoteAddress })
            {
                if (!AclAddress.TryParse(text, out var address) || address.Kind == AclAddressKind.Mac)
                {
                    faults.Add($"'{text}' is not an address that an extended access rule can have: use an IPv4 or IPv6 address or prefix whose bits behind the prefix are zero, or ANY.");
                }
            }

            foreach (var text in new[] { rule.LocalPort, rule.RemotePort })
            {
                if (!PortRange.TryParse(text, out var range))
                {
                    faults.Add($"'{text}' is not a port; use 0 to 65535, a range such as 8000-8999, or ANY.");
                }
                else if (!range.IsAny && (!TryParseProtocol(rule.Protocol, out var protocol) || protocol is not (6 or 17)))
                {
                    faults.Add($"A rule with the port '{text}' needs the protocol TCP or UDP, because others have no ports.");
                }
            }

            if (!TryParseProtocol(rule.Protocol, out _))
            {
                faults.Add($"'{rule.Protocol}' is not a protocol; use TCP, UDP, ICMP, a number from 0 to 255, or ANY.");
            }

            if (rule.IdleTimeoutSeconds < 0 || (rule.IdleTimeoutSeconds != 0 && !rule.Stateful))
            {
                faults.Add($"The idle time of {rule.IdleTimeoutSeconds} s is not possible: it is a positive number, of a stateful rule.");
            }

            if (rule.Stateful && !rule.Allow)
            {
                faults.Add($"The extended access rule with weight {rule.Weight} denies, so it cannot be stateful: nothing would be answered.");
            }
        }

        foreach (var twice in rules.GroupBy(rule => (rule.Weight, rule.Direction)).Where(group => group.Count() > 1))
        {
            faults.Add($"{twice.Count()} extended access rules for {twice.Key.Direction} have the weight {twice.Key.Weight}; give each its own.");
        }
    }

    private static bool TryParseProtocol(string? text, out byte? protocol)
    {
        protocol = text?.ToUpperInvariant() switch
        {
            "TCP" => 6,
            "UDP" => 17,
            "ICMP" => 1,
            "ICMPV6" => 58,
            _ => null,
        };
        if (protocol is not null || text is null or "*" || text.Equals("ANY", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        if (byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            protocol = number;
            return true;
        }

        return false;
    }
}
