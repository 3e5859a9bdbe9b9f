using System.Globalization;
using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Which minimum bandwidths a switch can promise to its adapters.</summary>
internal static class BandwidthRules
{
    public const int WeightMaximum = 100;
    public const long BandwidthMaximum = 1_000_000_000_000;

    /// <summary>How a switch gives minimum bandwidth; a host that decides for itself takes weights.</summary>
    public static VMSwitchBandwidthMode ModeOf(SwitchConfiguration on) =>
        on.MinimumBandwidthMode == VMSwitchBandwidthMode.Default ? VMSwitchBandwidthMode.Weight : on.MinimumBandwidthMode;

    /// <summary>Throws when an adapter with <paramref name="policy"/> cannot be on the switch.</summary>
    /// <param name="context">Knows the other adapters.</param>
    /// <param name="on">The switch, or null for an adapter that is on none.</param>
    /// <param name="adapter">Its identity.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <param name="policy">What it will have.</param>
    /// <param name="interfaces">Network interfaces, with their speeds.</param>
    public static void Require(CommandContext context, SwitchConfiguration? on, Guid adapter, string name, AdapterPolicyConfiguration policy, IReadOnlyList<HostInterface> interfaces)
    {
        if (on is null)
        {
            return;
        }

        var mode = ModeOf(on);
        if (policy.MinimumBandwidthWeight > 0 && mode != VMSwitchBandwidthMode.Weight)
        {
            throw Errors.Invalid($"The switch '{on.Name}' {Takes(mode)}, so the adapter '{name}' cannot have a minimum bandwidth as a weight.", name);
        }

        if (policy.MinimumBandwidthAbsolute > 0 && mode != VMSwitchBandwidthMode.Absolute)
        {
            throw Errors.Invalid($"The switch '{on.Name}' {Takes(mode)}, so the adapter '{name}' cannot have a minimum bandwidth in bits per second.", name);
        }

        if (policy.MinimumBandwidthAbsolute > 0)
        {
            RequireSum(on, Reserved(context, on, adapter) + on.DefaultFlowMinimumBandwidth + policy.MinimumBandwidthAbsolute, interfaces);
        }
    }

    /// <summary>Throws when the default flow of a switch cannot have what it is to have.</summary>
    public static void RequireDefaultFlow(CommandContext context, SwitchConfiguration on, IReadOnlyList<HostInterface> interfaces)
    {
        if (ModeOf(on) == VMSwitchBandwidthMode.Absolute && on.DefaultFlowMinimumBandwidth > 0)
        {
            RequireSum(on, Reserved(context, on, Guid.Empty) + on.DefaultFlowMinimumBandwidth, interfaces);
        }
    }

    /// <summary>How the switch gives minimum bandwidth, as a part of a sentence.</summary>
    public static string Takes(VMSwitchBandwidthMode mode) => mode switch
    {
        VMSwitchBandwidthMode.Weight => "gives minimum bandwidth by weights",
        VMSwitchBandwidthMode.Absolute => "gives minimum bandwidth in bits per second",
        _ => "has no minimum bandwidth",
    };

    private static long Reserved(CommandContext context, SwitchConfiguration on, Guid except) =>
        on.ManagementAdapters.Where(other => other.Id != except).Sum(other => other.Policy.MinimumBandwidthAbsolute)
        + context.Service<IMachines>().All.SelectMany(machine => machine.NetworkAdapters).Where(other => other.SwitchId == on.Id && other.Id != except)
            .Sum(other => other.Policy.MinimumBandwidthAbsolute);

    private static void RequireSum(SwitchConfiguration on, long sum, IReadOnlyList<HostInterface> interfaces)
    {
        var speed = interfaces.FirstOrDefault(one => one.Name == on.NetAdapterName)?.BitsPerSecond ?? 0;
        if (speed > 0 && sum > speed)
        {
            throw Errors.Invalid(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The minimum bandwidths on the switch '{on.Name}' would be {sum} bits per second together, more than the {speed} of its network interface '{on.NetAdapterName}'; lower one of them."),
                on.Name);
        }
    }
}
