using System.Text.Json.Serialization;

namespace Vireo.Extensions.StatefulFirewall;

/// <summary>Settings of a switch: the rules of each tenant.</summary>
public sealed class FirewallSettings
{
    /// <summary>Tenants.</summary>
    public TenantSettings[] Tenants { get; set; } = [];
}

/// <summary>Rules of a tenant. The first one that fits a new conversation decides; where none fits, the default of its direction does.</summary>
public sealed class TenantSettings
{
    /// <summary>Name, by which ports name it.</summary>
    public string Name { get; set; } = "";

    /// <summary>Whether others may begin conversations with the tenant's machines where no rule says.</summary>
    public bool AllowInbound { get; set; }

    /// <summary>Whether the tenant's machines may begin conversations where no rule says.</summary>
    public bool AllowOutbound { get; set; } = true;

    /// <summary>Rules, in order.</summary>
    public RuleSettings[] Rules { get; set; } = [];
}

/// <summary>A rule about conversations, seen from a machine of the tenant.</summary>
public sealed class RuleSettings
{
    /// <summary>Lets them pass, or not.</summary>
    public bool Allow { get; set; } = true;

    /// <summary><c>Inbound</c> or <c>Outbound</c>: who begins.</summary>
    public string Direction { get; set; } = "Inbound";

    /// <summary><c>TCP</c>, <c>UDP</c>, <c>ICMP</c> (of both versions), a number, or <c>Any</c>.</summary>
    public string Protocol { get; set; } = "Any";

    /// <summary>IPv4 or IPv6 address or prefix of the other side, or <c>Any</c>.</summary>
    public string RemoteAddress { get; set; } = "Any";

    /// <summary>Ports of the machine: <c>80</c>, <c>80,443</c>, <c>1000-2000</c>, <c>Any</c>.</summary>
    public string LocalPort { get; set; } = "Any";

    /// <summary>The same of the other side.</summary>
    public string RemotePort { get; set; } = "Any";
}

/// <summary>Settings of a port.</summary>
public sealed class PortTenant
{
    /// <summary>The tenant whose machine is behind the port. A port without these settings is not guarded.</summary>
    public string Tenant { get; set; } = "";
}

/// <summary>What is told about a switch.</summary>
public sealed class FirewallData
{
    /// <summary>Conversations that are followed now.</summary>
    public int Connections { get; set; }

    /// <summary>Conversations that were let begin.</summary>
    public long Allowed { get; set; }

    /// <summary>Those that were not.</summary>
    public long Denied { get; set; }
}

/// <summary>How they look as JSON.</summary>
[JsonSerializable(typeof(FirewallSettings))]
[JsonSerializable(typeof(PortTenant))]
[JsonSerializable(typeof(FirewallData))]
internal sealed partial class FirewallJson : JsonSerializerContext;
