using System.Globalization;
using Vireo.Control.Switching;
using Vireo.Switch.Acls;

namespace Vireo.Switch.Pipeline;

/// <summary>What the settings of a port must satisfy. Every fault is reported, each as one sentence.</summary>
internal static class PolicyRules
{
    private const int AclsMax = 1024;
    private const long BandwidthMax = 1_000_000_000_000;

    /// <summary>Adds what is wrong with <paramref name="settings"/>.</summary>
    public static void Validate(PortSettings settings, List<string> faults)
    {
        var policy = settings.Policy ?? new PortPolicySpecification();
        switch (settings.VlanMode)
        {
            case PortVlanMode.Access when settings.AccessVlanId is < 1 or > 4094:
                faults.Add($"The VLAN id {settings.AccessVlanId} is not possible in access mode; use 1 to 4094.");
                break;
            case PortVlanMode.Trunk:
                ValidateTrunk(policy, faults);
                break;
            case PortVlanMode.Private:
                ValidatePrivate(policy, faults);
                break;
        }

        foreach (var text in policy.AllowedAddresses ?? [])
        {
            if (!AclAddress.TryParse(text, out var address) || address.Kind is not (AclAddressKind.IPv4 or AclAddressKind.IPv6) || text.Contains('/', StringComparison.Ordinal))
            {
                faults.Add($"'{text}' is not the address of one station; use an IPv4 or IPv6 address.");
            }
        }

        if (policy.StormLimit < 0)
        {
            faults.Add($"The storm limit {policy.StormLimit} is not possible; use a number of frames a second, or 0 for none.");
        }

        if (policy.MaximumBandwidth is < 0 or > BandwidthMax)
        {
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"The maximum bandwidth {policy.MaximumBandwidth} is not possible; use bits per second up to {BandwidthMax}, or 0 for no limit."));
        }

        ValidateMinimum(policy, faults);
        if (policy.Acls?.Count > AclsMax || policy.ExtendedAcls?.Count > AclsMax)
        {
            faults.Add($"A port can have at most {AclsMax} access rules of a kind.");
        }

        foreach (var rule in policy.Acls ?? [])
        {
            AclRule.Validate(rule, faults);
        }

        ExtendedRule.Validate(policy.ExtendedAcls ?? [], faults);
    }

    private static void ValidateMinimum(PortPolicySpecification policy, List<string> faults)
    {
        const int weightMax = 100;
        if (policy.MinimumBandwidthWeight is < 0 or > weightMax)
        {
            faults.Add($"The minimum bandwidth weight {policy.MinimumBandwidthWeight} is not possible; use 1 to {weightMax}, or 0 for none.");
        }

        if (policy.QueueWeight is < 0 or > weightMax)
        {
            faults.Add($"The queue weight {policy.QueueWeight} is not possible; use 1 to {weightMax}, or 0 to keep the port at the first packet thread.");
        }

        if (policy.MinimumBandwidthAbsolute is < 0 or > BandwidthMax)
        {
            faults.Add(string.Create(
                CultureInfo.InvariantCulture, $"The minimum bandwidth {policy.MinimumBandwidthAbsolute} is not possible; use bits per second up to {BandwidthMax}, or 0 for none."));
        }

        if (policy is { MinimumBandwidthWeight: > 0, MinimumBandwidthAbsolute: > 0 })
        {
            faults.Add("A port has a minimum bandwidth as a weight or in bits per second, not both.");
        }

        if (policy.MaximumBandwidth > 0 && policy.MinimumBandwidthAbsolute > policy.MaximumBandwidth)
        {
            faults.Add(string.Create(
                CultureInfo.InvariantCulture, $"The minimum bandwidth {policy.MinimumBandwidthAbsolute} is above the maximum {policy.MaximumBandwidth}; make one of them fit the other."));
        }

        if (policy.EcnThreshold < 0)
        {
            faults.Add($"The ECN threshold {policy.EcnThreshold} is not possible; use a number of bytes, or 0 for none.");
        }
    }

    private static void ValidateTrunk(PortPolicySpecification policy, List<string> faults)
    {
        if (policy.NativeVlanId is < 0 or > 4094)
        {
            faults.Add($"The native VLAN {policy.NativeVlanId} is not possible; use 1 to 4094, or 0 for none.");
        }

        if (policy.AllowedVlanIds is not { Count: > 0 })
        {
            faults.Add("A port in trunk mode needs the VLANs that it takes part in.");
        }

        AddImpossible(policy.AllowedVlanIds, faults);
    }

    private static void ValidatePrivate(PortPolicySpecification policy, List<string> faults)
    {
        var secondaries = policy.SecondaryVlanIds ?? [];
        if (!Enum.IsDefined(policy.PrivateVlanMode))
        {
            faults.Add("A port in private mode is isolated, community or promiscuous; say which.");
        }

        if (policy.PrimaryVlanId is < 1 or > 4094)
        {
            faults.Add($"The primary VLAN {policy.PrimaryVlanId} is not possible; use 1 to 4094.");
        }

        if (secondaries.Count == 0 || (policy.PrivateVlanMode != PrivateVlanMode.Promiscuous && secondaries.Count > 1))
        {
            faults.Add("An isolated or community port has one secondary VLAN, a promiscuous port one or more.");
        }

        if (secondaries.Contains(policy.PrimaryVlanId))
        {
            faults.Add($"The primary VLAN {policy.PrimaryVlanId} cannot be one of its own secondary VLANs.");
        }

        AddImpossible(secondaries, faults);
    }

    private static void AddImpossible(IReadOnlyList<int>? vlans, List<string> faults)
    {
        foreach (var vlan in vlans ?? [])
        {
            if (vlan is < 1 or > 4094)
            {
                faults.Add($"The VLAN id {vlan} is not possible; use 1 to 4094.");
            }
        }
    }
}
