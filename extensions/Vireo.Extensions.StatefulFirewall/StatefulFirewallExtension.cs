using Vireo.Switch.Sdk;

namespace Vireo.Extensions.StatefulFirewall;

/// <summary>
/// A firewall for several tenants on one switch: a port names its tenant, the tenant's rules decide which conversations begin at the port. A change of rules
/// holds for conversations that go on, too.
/// </summary>
public sealed class StatefulFirewallExtension : FirewallExtension
{
    /// <summary>Settings of a switch.</summary>
    public static readonly Guid SettingsId = new("f12e0a11-7a1c-4c57-9c0a-2a7c1c9d0002");

    /// <summary>Settings of a port.</summary>
    public static readonly Guid PortSettingsId = new("f12e0a11-7a1c-4c57-9c0a-2a7c1c9d0003");

    /// <summary>What is told.</summary>
    public static readonly Guid DataId = new("f12e0a11-7a1c-4c57-9c0a-2a7c1c9d0004");
    private readonly SwitchFeature<FirewallSettings> _settings = new(SettingsId, "Tenants", FirewallJson.Default.FirewallSettings);
    private readonly PortFeature<PortTenant> _portTenant = new(PortSettingsId, "Tenant of a port", FirewallJson.Default.PortTenant);
    private volatile Dictionary<string, Tenant> _tenants = [];
    private long _allowed;
    private long _denied;

    /// <inheritdoc/>
    protected override void Declare(FeatureSet features)
    {
        features.Add(_settings);
        features.Add(_portTenant);
        features.AddData(DataId, "Firewall", FeatureScope.Switch, FirewallJson.Default.FirewallData, _ => new FirewallData
        {
            Connections = Connections,
            Allowed = Volatile.Read(ref _allowed),
            Denied = Volatile.Read(ref _denied),
        });
    }

    /// <inheritdoc/>
    protected override void OnStart() => _tenants = Read(_settings.Value);

    /// <inheritdoc/>
    protected override string? OnChanging(StateChange change)
    {
        try
        {
            switch (change.Settings)
            {
                case FirewallSettings settings:
                    Read(settings);
                    break;
                case PortTenant { Tenant: var name } when !_tenants.ContainsKey(name):
                    return $"there is no tenant '{name}' on this switch.";
            }

            return null;
        }
        catch (FormatException exception)
        {
            return exception.Message;
        }
    }

    /// <inheritdoc/>
    protected override void OnSettings(SwitchPort? port)
    {
        if (port is null)
        {
            _tenants = Read(_settings.Value);
        }

        RulesChanged();
    }

    /// <inheritdoc/>
    protected override bool Guards(SwitchPort port) => TenantOf(port) is not null;

    /// <inheritdoc/>
    protected override bool Allow(in Connection connection)
    {
        var allow = TenantOf(connection.Port)?.Allows(connection) ?? true;
        if (allow)
        {
            _allowed++;
        }
        else
        {
            _denied++;
        }

        return allow;
    }

    private static Dictionary<string, Tenant> Read(FirewallSettings? settings)
    {
        Dictionary<string, Tenant> tenants = new(StringComparer.OrdinalIgnoreCase);
        foreach (var one in settings?.Tenants ?? [])
        {
            if (string.IsNullOrWhiteSpace(one.Name) || !tenants.TryAdd(one.Name, new Tenant(one)))
            {
                throw new FormatException($"each tenant needs a name of its own; '{one.Name}' is none.");
            }
        }

        return tenants;
    }

    // What was found for a port holds until its settings or the tenants are other objects.
    private Tenant? TenantOf(SwitchPort port)
    {
        var settings = _portTenant.Of(port);
        var tenants = _tenants;
        if (port.Tag is not Found found || found.Settings != settings || found.Tenants != tenants)
        {
            var tenant = settings is null ? null : tenants.GetValueOrDefault(settings.Tenant, Tenant.Nobody);
            port.Tag = found = new Found(settings, tenants, tenant);
        }

        return found.Tenant;
    }

    private sealed record Found(PortTenant? Settings, Dictionary<string, Tenant> Tenants, Tenant? Tenant);
}
