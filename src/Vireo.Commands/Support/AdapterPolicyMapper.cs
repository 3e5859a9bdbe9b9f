using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>What holds at an adapter's port as objects of the model.</summary>
internal static class AdapterPolicyMapper
{
    /// <summary>Puts a policy into an adapter.</summary>
    public static void Fill(VMNetworkAdapterBase part, AdapterTarget target, string host)
    {
        var policy = target.Policy;
        part.VlanSetting = Vlan(target, host);
        part.MacAddressSpoofing = OnOff(policy.MacAddressSpoofing);
        part.DhcpGuard = OnOff(policy.DhcpGuard);
        part.RouterGuard = OnOff(policy.RouterGuard);
        part.IeeePriorityTag = OnOff(policy.IeeePriorityTag);
        part.AllowTeaming = OnOff(policy.AllowTeaming);
        part.PortMirroringMode = Enum.Parse<VMNetworkAdapterPortMirroringMode>(policy.PortMirroring);
        part.StormLimit = (uint)policy.StormLimit;
        part.VmqWeight = policy.VmqWeight;
        part.IsolationSetting = Isolation(target, host);
        part.BandwidthSetting = policy is { MaximumBandwidth: 0, MinimumBandwidthWeight: 0, MinimumBandwidthAbsolute: 0 } ? null : new VMNetworkAdapterBandwidthSetting
        {
            MaximumBandwidth = policy.MaximumBandwidth,
            MinimumBandwidthAbsolute = policy.MinimumBandwidthAbsolute,
            MinimumBandwidthWeight = (uint)policy.MinimumBandwidthWeight,
        };
    }

    /// <summary>Isolation settings.</summary>
    public static VMNetworkAdapterIsolationSetting Isolation(AdapterTarget target, string host)
    {
        var setting = Setting<VMNetworkAdapterIsolationSetting>(target, host);
        setting.IsolationMode = Enum.Parse<VMNetworkAdapterIsolationMode>(target.Policy.IsolationMode ?? "None");
        setting.AllowUntaggedTraffic = target.Policy.AllowUntaggedTraffic;
        setting.DefaultIsolationID = target.Policy.DefaultIsolationId;
        return setting;
    }

    /// <summary>VLAN settings.</summary>
    public static VMNetworkAdapterVlanSetting Vlan(AdapterTarget target, string host)
    {
        var policy = target.Policy;
        var isPromiscuous = policy.VlanMode == AdapterVlanMode.Promiscuous;
        var setting = Setting<VMNetworkAdapterVlanSetting>(target, host);
        setting.OperationMode = policy.VlanMode switch
        {
            AdapterVlanMode.Access => target.AccessVlanId == 0 ? VMNetworkAdapterVlanMode.Untagged : VMNetworkAdapterVlanMode.Access,
            AdapterVlanMode.Trunk => VMNetworkAdapterVlanMode.Trunk,
            _ => VMNetworkAdapterVlanMode.Private,
        };
        setting.AccessVlanId = target.AccessVlanId;
        setting.NativeVlanId = policy.NativeVlanId;
        setting.AllowedVlanIdList = [.. policy.AllowedVlanIds];
        setting.PrivateVlanMode = policy.VlanMode switch
        {
            AdapterVlanMode.Isolated => VMNetworkAdapterPrivateVlanMode.Isolated,
            AdapterVlanMode.Community => VMNetworkAdapterPrivateVlanMode.Community,
            AdapterVlanMode.Promiscuous => VMNetworkAdapterPrivateVlanMode.Promiscuous,
            _ => VMNetworkAdapterPrivateVlanMode.None,
        };
        setting.PrimaryVlanId = policy.PrimaryVlanId;
        setting.SecondaryVlanId = isPromiscuous ? 0 : policy.SecondaryVlanIds.FirstOrDefault();
        setting.SecondaryVlanIdList = isPromiscuous ? [.. policy.SecondaryVlanIds] : [];
        return setting;
    }

    /// <summary>An access rule with what it has counted.</summary>
    public static VMNetworkAdapterAclSetting Acl(AdapterTarget target, AdapterAclConfiguration rule, IReadOnlyList<AdapterAclCount> counts, string host)
    {
        var setting = Setting<VMNetworkAdapterAclSetting>(target, host);
        setting.Action = Enum.Parse<VMNetworkAdapterAclAction>(rule.Action);
        setting.Direction = Enum.Parse<VMNetworkAdapterAclDirection>(rule.Direction);
        setting.LocalAddress = rule.Local ?? "ANY";
        setting.RemoteAddress = rule.Remote ?? "ANY";
        if (counts.FirstOrDefault(count => count.Rule == rule) is { } counted)
        {
            setting.MeteredMegabytes = setting.Action == VMNetworkAdapterAclAction.Meter ? counted.Bytes >> 20 : null;
            setting.MeteredBytes = setting.Action == VMNetworkAdapterAclAction.Meter ? counted.Bytes : null;
            setting.DeniedFrames = setting.Action == VMNetworkAdapterAclAction.Deny ? counted.Frames : null;
        }

        return setting;
    }

    /// <summary>An extended access rule.</summary>
    public static VMNetworkAdapterExtendedAclSetting ExtendedAcl(AdapterTarget target, AdapterExtendedAclConfiguration rule, string host)
    {
        var setting = Setting<VMNetworkAdapterExtendedAclSetting>(target, host);
        setting.Action = rule.Allow ? VMNetworkAdapterExtendedAclAction.Allow : VMNetworkAdapterExtendedAclAction.Deny;
        setting.Direction = Enum.Parse<VMNetworkAdapterExtendedAclDirection>(rule.Direction);
        setting.LocalIPAddress = rule.LocalAddress ?? "ANY";
        setting.RemoteIPAddress = rule.RemoteAddress ?? "ANY";
        setting.LocalPort = rule.LocalPort ?? "ANY";
        setting.RemotePort = rule.RemotePort ?? "ANY";
        setting.Protocol = rule.Protocol ?? "ANY";
        setting.Weight = rule.Weight;
        setting.Stateful = rule.Stateful;
        setting.IdleSessionTimeout = rule.IdleTimeoutSeconds;
        return setting;
    }

    private static T Setting<T>(AdapterTarget target, string host)
        where T : VMNetworkAdapterSetting, new()
    {
        return new T
        {
            ComputerName = host,
            Id = target.Machine is null ? $"Microsoft:{target.Id.ToString("D").ToUpperInvariant()}" : VMComponentObject.MakeId(target.Machine.Id, target.Id.ToString("D")),
            Name = target.Name,
            AdapterName = target.Name,
            IsManagementOs = target.Machine is null,
            VMId = target.Machine?.Id ?? Guid.Empty,
            VMName = target.Machine?.Name ?? "",
        };
    }

    private static OnOffState OnOff(bool value) => value ? OnOffState.On : OnOffState.Off;
}
