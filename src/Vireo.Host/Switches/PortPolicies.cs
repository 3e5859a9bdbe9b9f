using System.Text.Json;
using Microsoft.HyperV.PowerShell;
using Vireo.Control.Switching;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Switches;

/// <summary>An adapter's policy as the switch plane wants it.</summary>
internal static class PortPolicies
{
    /// <summary>How the port treats VLANs.</summary>
    public static PortVlanMode VlanMode(AdapterPolicyConfiguration policy, int accessVlan) => policy.VlanMode switch
    {
        AdapterVlanMode.Trunk => PortVlanMode.Trunk,
        AdapterVlanMode.Access => accessVlan == 0 ? PortVlanMode.Untagged : PortVlanMode.Access,
        _ => PortVlanMode.Private,
    };

    /// <summary>How a switch gives minimum bandwidth; left to the host it is by weights.</summary>
    public static MinimumBandwidthMode BandwidthMode(VMSwitchBandwidthMode mode) => mode switch
    {
        VMSwitchBandwidthMode.None => MinimumBandwidthMode.None,
        VMSwitchBandwidthMode.Absolute => MinimumBandwidthMode.Absolute,
        _ => MinimumBandwidthMode.Weight,
    };

    /// <summary>What else holds.</summary>
    /// <param name="policy">As scripts set it.</param>
    /// <param name="isGuest">A guest speaks only for itself unless it is allowed more; the management operating system is trusted.</param>
    public static PortPolicySpecification Of(AdapterPolicyConfiguration policy, bool isGuest) => new()
    {
        AllowedVlanIds = policy.VlanMode == AdapterVlanMode.Trunk ? policy.AllowedVlanIds : null,
        NativeVlanId = policy.NativeVlanId,
        PrivateVlanMode = policy.VlanMode switch
        {
            AdapterVlanMode.Isolated => PrivateVlanMode.Isolated,
            AdapterVlanMode.Community => PrivateVlanMode.Community,
            AdapterVlanMode.Promiscuous => PrivateVlanMode.Promiscuous,
            _ => 0,
        },
        PrimaryVlanId = policy.PrimaryVlanId,
        SecondaryVlanIds = policy.SecondaryVlanIds,
        SpoofGuard = isGuest && !policy.MacAddressSpoofing,
        DhcpGuard = policy.DhcpGuard,
        RouterGuard = policy.RouterGuard,
        Mirroring = Enum.Parse<PortMirroring>(policy.PortMirroring),
        StormLimit = policy.StormLimit,
        MaximumBandwidth = policy.MaximumBandwidth,
        MinimumBandwidthWeight = policy.MinimumBandwidthWeight,
        MinimumBandwidthAbsolute = policy.MinimumBandwidthAbsolute,
        QueueWeight = policy.VmqWeight,
        PriorityTag = policy.IeeePriorityTag,
        ExtensionFeatures = policy.ExtensionFeatures.Count == 0 ? null : Of(policy.ExtensionFeatures),
        Acls = [.. policy.Acls.Select(Of)],
        ExtendedAcls =
        [
            .. policy.ExtendedAcls.Select(rule => new ExtendedAclSpecification(
                rule.Allow, Enum.Parse<PortAclDirection>(rule.Direction), rule.Weight, rule.LocalAddress, rule.RemoteAddress, rule.LocalPort, rule.RemotePort, rule.Protocol,
                rule.Stateful, rule.IdleTimeoutSeconds)),
        ],
    };

    /// <summary>Settings of extensions.</summary>
    public static IReadOnlyList<ExtensionFeatureSpecification> Of(IReadOnlyList<ExtensionFeatureConfiguration> features) =>
        [.. features.Select(one => new ExtensionFeatureSpecification(one.ExtensionId, one.FeatureId, JsonDocument.Parse(one.Settings).RootElement))];

    /// <summary>One access rule.</summary>
    public static PortAclSpecification Of(AdapterAclConfiguration rule) =>
        new(Enum.Parse<PortAclAction>(rule.Action), Enum.Parse<PortAclDirection>(rule.Direction), rule.Local, rule.Remote);

    /// <summary>The rule that a specification was made of.</summary>
    public static AdapterAclConfiguration Of(PortAclSpecification rule) => new(rule.Action.ToString(), rule.Direction.ToString(), rule.Local, rule.Remote);
}
