using Microsoft.HyperV.PowerShell;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Services;

/// <summary>A switch as it should be.</summary>
public sealed record SwitchConfiguration
{
    /// <summary>Version of the file's layout.</summary>
    public int FormatVersion { get; init; } = 1;

    /// <summary>Identity.</summary>
    public required Guid Id { get; init; }

    /// <summary>Name.</summary>
    public required string Name { get; init; }

    /// <summary>What it connects.</summary>
    public required VMSwitchType SwitchType { get; init; }

    /// <summary>Free text.</summary>
    public string Notes { get; init; } = "";

    /// <summary>Network interface that is the uplink, for external switches.</summary>
    public string? NetAdapterName { get; init; }

    /// <summary>Adapters of the management operating system.</summary>
    public IReadOnlyList<ManagementAdapterConfiguration> ManagementAdapters { get; init; } = [];
}

/// <summary>An adapter of the management operating system on a switch.</summary>
/// <param name="Id">Identity.</param>
/// <param name="Name">Name.</param>
/// <param name="InterfaceName">Network interface on the host, at most 15 characters.</param>
/// <param name="MacAddress">Twelve hexadecimal digits.</param>
public sealed record ManagementAdapterConfiguration(Guid Id, string Name, string InterfaceName, string MacAddress)
{
    /// <summary>0 is untagged; otherwise the access VLAN.</summary>
    public int AccessVlanId { get; init; }

    /// <summary>What else holds at its port.</summary>
    public AdapterPolicyConfiguration Policy { get; init; } = new();
}

/// <summary>What an access rule has counted.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Frames">Frames that it decided, or metered.</param>
/// <param name="Bytes">Bytes of those.</param>
public sealed record AdapterAclCount(AdapterAclConfiguration Rule, long Frames, long Bytes);

/// <summary>A network interface of the host that can be an uplink.</summary>
public sealed record HostInterface(string Name, string Description);

/// <summary>The switches of this host.</summary>
public interface ISwitches
{
    /// <summary>All switches, in order of their names.</summary>
    IReadOnlyList<SwitchConfiguration> All { get; }

    /// <summary>One switch, or null.</summary>
    SwitchConfiguration? Find(Guid id);

    /// <summary>Makes a switch.</summary>
    Task CreateAsync(SwitchConfiguration configuration, CancellationToken cancellation);

    /// <summary>Changes a switch.</summary>
    Task<SwitchConfiguration> ChangeAsync(Guid id, Func<SwitchConfiguration, SwitchConfiguration> change, CancellationToken cancellation);

    /// <summary>Removes a switch; adapters that were on it stay, not connected.</summary>
    Task RemoveAsync(Guid id, CancellationToken cancellation);

    /// <summary>What the access rules of an adapter have counted; empty while it has no port.</summary>
    Task<IReadOnlyList<AdapterAclCount>> AclCountsAsync(Guid adapter, CancellationToken cancellation);

    /// <summary>Network interfaces that can be an uplink.</summary>
    Task<IReadOnlyList<HostInterface>> InterfacesAsync(CancellationToken cancellation);
}
