using Vireo.Control.Switching;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Pipeline;

/// <summary>What was asked of a port. The compiler makes a <see cref="PortPolicy"/> of it.</summary>
/// <param name="VlanMode">VLAN treatment.</param>
/// <param name="AccessVlanId">1 to 4094 in access mode.</param>
/// <param name="Stages">Further stages, from the port towards the switch.</param>
/// <param name="Policy">What else holds; null is nothing.</param>
/// <param name="Address">Of the adapter.</param>
internal sealed record PortSettings(
    PortVlanMode VlanMode, int AccessVlanId, IReadOnlyList<StageSpecification> Stages, PortPolicySpecification? Policy = null, MacAddress Address = default)
{
    /// <summary>What <paramref name="port"/> asks for.</summary>
    public static PortSettings Of(PortSpecification port) => new(
        port.VlanMode, port.AccessVlanId, port.Stages ?? [], port.Policy, MacAddress.TryParse(port.MacAddress, out var address) ? address : default);
}
