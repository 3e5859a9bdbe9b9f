using Vireo.Control.Switching;

namespace Vireo.Switch.Acls;

/// <summary>A rule, compiled.</summary>
internal sealed class AclRule
{
    /// <summary>Compiles a valid rule.</summary>
    public AclRule(PortAclSpecification asked, AclCounter counter)
    {
        Asked = asked;
        Counter = counter;
        Local = AclAddress.Parse(asked.Local);
        Remote = AclAddress.Parse(asked.Remote);
    }

    /// <summary>What was asked for.</summary>
    public PortAclSpecification Asked { get; }

    /// <summary>What it has seen.</summary>
    public AclCounter Counter { get; }

    /// <summary>Who is behind the port.</summary>
    public AclAddress Local { get; }

    /// <summary>The other side.</summary>
    public AclAddress Remote { get; }

    /// <summary>The most specific first; Deny first where they are equal.</summary>
    public static IEnumerable<AclRule> Order(IEnumerable<AclRule> rules) => rules
        .OrderByDescending(rule => Math.Max((int)rule.Local.Kind, (int)rule.Remote.Kind))
        .ThenByDescending(rule => Math.Max(rule.Local.Bits, rule.Remote.Bits))
        .ThenByDescending(rule => Math.Min(rule.Local.Bits, rule.Remote.Bits))
        .ThenByDescending(rule => rule.Asked.Action == PortAclAction.Deny);

    /// <summary>What is wrong with <paramref name="asked"/>, each as one sentence.</summary>
    public static void Validate(PortAclSpecification asked, List<string> faults)
    {
        if (!Enum.IsDefined(asked.Action) || asked.Direction is < PortAclDirection.Inbound or > PortAclDirection.Both)
        {
            faults.Add("An access rule needs an action (Allow, Deny or Meter) and a direction (Inbound, Outbound or Both).");
        }

        foreach (var text in new[] { asked.Local, asked.Remote })
        {
            if (!AclAddress.TryParse(text, out _))
            {
                faults.Add($"'{text}' is not an address that a rule can have: use an Ethernet address, an IPv4 or IPv6 address or prefix whose bits behind the prefix are zero, or ANY.");
            }
        }
    }
}
