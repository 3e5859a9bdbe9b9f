using System.Globalization;
using Vireo.Control.Switching;

namespace Vireo.Switch.Plane;

/// <summary>Which minimum bandwidths a switch can promise.</summary>
internal static class BandwidthRules
{
    /// <summary>Refuses what <paramref name="on"/> cannot promise.</summary>
    /// <param name="on">The switch.</param>
    /// <param name="ports">All ports that it will have.</param>
    /// <param name="linkBitsPerSecond">Speed of its uplink; zero when it has none or the speed is not known.</param>
    /// <exception cref="Control.ControlException">It is refused.</exception>
    public static void Require(SwitchSpecification on, IEnumerable<PortSpecification> ports, long linkBitsPerSecond)
    {
        long sum = on.BandwidthMode == MinimumBandwidthMode.Absolute ? on.DefaultFlowMinimumBandwidth : 0;
        foreach (var port in ports)
        {
            var policy = port.Policy ?? new PortPolicySpecification();
            var refused = policy switch
            {
                { MinimumBandwidthWeight: > 0 } when on.BandwidthMode != MinimumBandwidthMode.Weight => "weight",
                { MinimumBandwidthAbsolute: > 0 } when on.BandwidthMode != MinimumBandwidthMode.Absolute => "number of bits per second",
                _ => null,
            };
            if (refused is not null)
            {
                throw Refusals.Invalid(
                    $"The switch '{on.Name}' {Takes(on.BandwidthMode)}, so the port {port.Id:D} cannot have a minimum bandwidth that is a {refused}.", port.Id.ToString("D"));
            }

            sum += policy.MinimumBandwidthAbsolute;
        }

        if (linkBitsPerSecond > 0 && sum > linkBitsPerSecond)
        {
            throw Refusals.Invalid(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The minimum bandwidths on the switch '{on.Name}' would be {sum} bits per second together, more than the {linkBitsPerSecond} of its uplink '{on.ExternalInterface}'; lower one of them."),
                on.Name);
        }
    }

    private static string Takes(MinimumBandwidthMode mode) => mode switch
    {
        MinimumBandwidthMode.Weight => "gives minimum bandwidth by weights",
        MinimumBandwidthMode.Absolute => "gives minimum bandwidth in bits per second",
        _ => "has no minimum bandwidth",
    };
}
