using Vireo.Switch.Sdk;

namespace Vireo.Switch.Extensions;

/// <summary>A forwarding extension in force, with the ports as it sees them. Immutable: another set of ports is another seat.</summary>
internal sealed class ForwardingSeat(ExtensionInstance instance, SwitchPort?[] ports)
{
    /// <summary>The extension.</summary>
    public ExtensionInstance Instance { get; } = instance;

    /// <summary>Its code.</summary>
    public ForwardingExtension Code { get; } = (ForwardingExtension)instance.Code;

    /// <summary>The port at a place of the switch.</summary>
    public SwitchPort? PortAt(int slot) => slot < ports.Length ? ports[slot] : null;
}
