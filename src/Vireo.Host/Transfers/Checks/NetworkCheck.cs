using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers.Checks;

/// <summary>Network adapters: switches, VLANs, addresses, bandwidth, numbers.</summary>
internal sealed class NetworkCheck : IImportCheck
{
    private const int MaximumVlan = 4094;

    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        var machine = facts.Machine;
        foreach (var adapter in machine.NetworkAdapters)
        {
            foreach (var found in CheckOne(facts, adapter))
            {
                yield return found;
            }
        }

        foreach (var (isLegacy, most) in new[] { (false, MachineValidator.MaximumAdapters), (true, MachineValidator.MaximumLegacyAdapters) })
        {
            var adapters = machine.NetworkAdapters.Where(adapter => adapter.IsLegacy == isLegacy).ToList();
            if (adapters.Count > most)
            {
                yield return new(
                    IncompatibilityKind.AdapterCountLimit, $"The virtual machine '{machine.Name}' has {adapters.Count} {(isLegacy ? "legacy " : "")}network adapters; it can have {most}.",
                    "Remove-VMNetworkAdapter", IncompatibleObject.NetworkAdapter, adapters[^1].Id);
            }
        }
    }

    private static IEnumerable<Incompatibility> CheckOne(ImportFacts facts, NetworkAdapterConfiguration adapter)
    {
        if (adapter.IsLegacy && facts.Machine.Generation == 2)
        {
            yield return On(IncompatibilityKind.LegacyAdapterOnGeneration2, $"The legacy network adapter '{adapter.Name}' cannot be in a generation 2 virtual machine.", "Remove-VMNetworkAdapter, then Add-VMNetworkAdapter");
        }

        if (adapter.SwitchId is { } id)
        {
            var on = facts.Switches.FirstOrDefault(one => one.Id == id);
            if (on is null)
            {
                yield return On(
                    IncompatibilityKind.SwitchNotFound, $"Could not find the virtual switch '{adapter.SwitchName ?? id.ToString()}' of the network adapter '{adapter.Name}'.",
                    "Connect-VMNetworkAdapter -SwitchName, or Disconnect-VMNetworkAdapter");
            }
            else
            {
                foreach (var found in CheckSwitch(facts, adapter, on))
                {
                    yield return found;
                }
            }
        }

        var policy = adapter.Policy;
        if (new[] { adapter.AccessVlanId, policy.NativeVlanId, policy.PrimaryVlanId }.Concat(policy.AllowedVlanIds).Concat(policy.SecondaryVlanIds).Any(vlan => vlan is < 0 or > MaximumVlan))
        {
            yield return On(IncompatibilityKind.VlanOutOfRange, $"The network adapter '{adapter.Name}' has a VLAN that is not from 1 to {MaximumVlan}.", "Set-VMNetworkAdapterVlan");
        }

        if (adapter.MacAddress.Length > 0)
        {
            foreach (var found in CheckAddress(facts, adapter))
            {
                yield return found;
            }
        }

        Incompatibility On(IncompatibilityKind kind, string message, string resolution) => new(kind, message, resolution, IncompatibleObject.NetworkAdapter, adapter.Id);
    }

    private static IEnumerable<Incompatibility> CheckSwitch(ImportFacts facts, NetworkAdapterConfiguration adapter, SwitchConfiguration on)
    {
        foreach (var extension in adapter.Policy.ExtensionFeatures.Select(feature => feature.ExtensionId).Distinct().Where(id => on.Extensions.All(one => one.ExtensionId != id)))
        {
            yield return new(
                IncompatibilityKind.SwitchExtensionMissing, $"The network adapter '{adapter.Name}' has settings of the extension {extension}, which the virtual switch '{on.Name}' does not have.",
                "Remove-VMSwitchExtensionPortFeature, or Enable-VMSwitchExtension", IncompatibleObject.NetworkAdapter, adapter.Id);
        }

        var isAbsolute = on.MinimumBandwidthMode == VMSwitchBandwidthMode.Absolute;
        if ((adapter.Policy.MinimumBandwidthAbsolute > 0 && !isAbsolute) || (adapter.Policy.MinimumBandwidthWeight > 0 && isAbsolute))
        {
            yield return new(
                IncompatibilityKind.BandwidthModeMismatch, $"The minimum bandwidth of the network adapter '{adapter.Name}' is given {(isAbsolute ? "as a weight" : "in bits per second")}, and the virtual switch '{on.Name}' takes it otherwise; it will not count.",
                "Set-VMNetworkAdapter -MinimumBandwidthAbsolute 0 -MinimumBandwidthWeight 0", IncompatibleObject.NetworkAdapter, adapter.Id);
        }

        var speed = facts.Interfaces.FirstOrDefault(one => one.Name == on.NetAdapterName)?.BitsPerSecond ?? 0;
        var promised = facts.Machines.Append(facts.Machine).SelectMany(one => one.NetworkAdapters).Where(other => other.SwitchId == on.Id).Sum(other => other.Policy.MinimumBandwidthAbsolute);
        if (isAbsolute && adapter.Policy.MinimumBandwidthAbsolute > 0 && speed > 0 && promised > speed)
        {
            yield return new(
                IncompatibilityKind.BandwidthOvercommit, $"With the network adapter '{adapter.Name}' the adapters on the virtual switch '{on.Name}' are promised {promised} bits per second together, and its uplink has {speed}.",
                "", IncompatibleObject.NetworkAdapter, adapter.Id);
        }
    }

    private static IEnumerable<Incompatibility> CheckAddress(ImportFacts facts, NetworkAdapterConfiguration adapter)
    {
        var other = facts.Machines.FirstOrDefault(machine => machine.NetworkAdapters.Any(one => one.MacAddress == adapter.MacAddress));
        if (other is not null && !adapter.DynamicMacAddress)
        {
            yield return new(
                IncompatibilityKind.StaticMacCollision, $"The virtual machine '{other.Name}' has the MAC address {adapter.MacAddress} of the network adapter '{adapter.Name}' too.",
                "Set-VMNetworkAdapter -DynamicMacAddress", IncompatibleObject.NetworkAdapter, adapter.Id);
        }

        var isOutside = string.CompareOrdinal(adapter.MacAddress.ToUpperInvariant(), facts.Settings.MacAddressMinimum) < 0
            || string.CompareOrdinal(adapter.MacAddress.ToUpperInvariant(), facts.Settings.MacAddressMaximum) > 0;
        if (adapter.DynamicMacAddress && (isOutside || other is not null))
        {
            yield return new(
                IncompatibilityKind.DynamicMacOutsidePool,
                $"The dynamic MAC address {adapter.MacAddress} of the network adapter '{adapter.Name}' {(other is null ? "is none of this host's pool" : $"is that of the virtual machine '{other.Name}'")}; it gets another one when it starts.",
                "", IncompatibleObject.NetworkAdapter, adapter.Id);
        }
    }
}
