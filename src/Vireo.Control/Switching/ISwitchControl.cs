namespace Vireo.Control.Switching;

/// <summary>A network interface of the plane's network namespace.</summary>
/// <param name="Name">Name, for example <c>eth0</c>.</param>
/// <param name="Description">Name and driver, for people.</param>
/// <param name="MacAddress">Twelve hexadecimal digits.</param>
/// <param name="IsUp">Administratively up.</param>
public sealed record NetworkInterfaceInfo(string Name, string Description, string MacAddress, bool IsUp);

/// <summary>What a host asks of its switch plane. Refusals are <see cref="ControlException"/>s.</summary>
public interface ISwitchControl
{
    /// <summary>Every switch with its ports.</summary>
    Task<IReadOnlyList<SwitchStatus>> ListSwitchesAsync(CancellationToken cancellationToken = default);

    /// <summary>Makes or changes a switch.</summary>
    Task PutSwitchAsync(SwitchSpecification specification, CancellationToken cancellationToken = default);

    /// <summary>Removes a switch; one that is not there is removed already. Guests' ports stay, connected to nothing.</summary>
    Task RemoveSwitchAsync(Guid id, CancellationToken cancellationToken = default);

    /// <summary>Every port, also those that are connected to no switch.</summary>
    Task<IReadOnlyList<PortStatus>> ListPortsAsync(CancellationToken cancellationToken = default);

    /// <summary>Makes or changes a port; its guest stays attached when it moves to another switch.</summary>
    Task PutPortAsync(PortSpecification specification, CancellationToken cancellationToken = default);

    /// <summary>Removes a port; one that is not there is removed already.</summary>
    Task RemovePortAsync(Guid id, CancellationToken cancellationToken = default);

    /// <summary>Network interfaces that can be an uplink.</summary>
    Task<IReadOnlyList<NetworkInterfaceInfo>> ListInterfacesAsync(CancellationToken cancellationToken = default);
}
