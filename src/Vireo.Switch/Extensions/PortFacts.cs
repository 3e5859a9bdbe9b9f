using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Extensions;

/// <summary>What extensions are told about a port.</summary>
/// <param name="Id">Key.</param>
/// <param name="Kind">What stands behind it.</param>
/// <param name="Name">For people.</param>
/// <param name="Address">Of the adapter.</param>
/// <param name="Features">Settings of extensions.</param>
internal sealed record PortFacts(Guid Id, SwitchPortKind Kind, string Name, MacAddress Address, IReadOnlyList<ExtensionFeatureSpecification> Features)
{
    /// <summary>Of a port that was asked for.</summary>
    public static PortFacts Of(PortSpecification port) => new(
        port.Id, port.Kind == PortKind.Tap ? SwitchPortKind.Management : SwitchPortKind.Guest, port.InterfaceName ?? port.Id.ToString("D"),
        MacAddress.TryParse(port.MacAddress, out var address) ? address : default, port.Policy?.ExtensionFeatures ?? []);

    /// <summary>Of the way out.</summary>
    public static PortFacts Uplink(SwitchSpecification asked, string interfaceName) =>
        new(asked.Id, SwitchPortKind.External, interfaceName, default, asked.ExternalPortFeatures ?? []);
}

/// <summary>A port on a switch with extensions.</summary>
internal sealed class PortSeat(PortState state, PortFacts facts, int number)
{
    /// <summary>The port in the pipeline.</summary>
    public PortState State { get; } = state;

    /// <summary>What extensions are told.</summary>
    public PortFacts Facts { get; set; } = facts;

    /// <summary>Its number on the switch.</summary>
    public int Number { get; } = number;

    /// <summary>The port as each extension sees it.</summary>
    public Dictionary<ExtensionInstance, SwitchPort> Views { get; } = [];

    /// <summary>Somebody was there when it was looked last.</summary>
    public bool WasConnected { get; set; }

    /// <summary>Makes the port as an extension will see it.</summary>
    public SwitchPort CreateView() => new(Facts.Id, Number, Facts.Kind, Facts.Name, Facts.Address, Count, () => State.BackEnd.IsConnected)
    {
        Slot = State.Switch is null ? -1 : State.Slot,
    };

    private PortCounters Count()
    {
        long dropped = 0;
        foreach (var one in State.Dropped)
        {
            dropped += one;
        }

        return new PortCounters(State.FramesIn, State.BytesIn, State.FramesOut, State.BytesOut, dropped);
    }
}
