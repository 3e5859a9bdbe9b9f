namespace Vireo.Switch.Sdk;

/// <summary>What happens to a switch, a port or whoever is behind it.</summary>
public enum StateChangeKind : byte
{
    /// <summary>A port comes to the switch. Can be refused.</summary>
    PortCreated,

    /// <summary>A port leaves the switch.</summary>
    PortRemoved,

    /// <summary>Somebody is behind the port now.</summary>
    AdapterConnected,

    /// <summary>Nobody is behind the port any more.</summary>
    AdapterDisconnected,

    /// <summary>The virtual machine of the port starts. Can be refused.</summary>
    MachineStarted,

    /// <summary>The virtual machine of the port ended.</summary>
    MachineStopped,

    /// <summary>The virtual machine of the port moves to another host. Can be refused; afterwards <see cref="SwitchExtension.OnSave"/> is asked.</summary>
    MachineMigrating,

    /// <summary>The virtual machine of the port arrived from another host.</summary>
    MachineMigrated,

    /// <summary>The virtual machine of the port is deleted. Can be refused.</summary>
    MachineDeleted,

    /// <summary>Settings of the extension change. Can be refused: <see cref="StateChange.Settings"/> is what would hold.</summary>
    Settings,
}

/// <summary>Something that happens.</summary>
/// <param name="Kind">What.</param>
/// <param name="Port">The port that it is about; null when it is about the switch.</param>
/// <param name="Settings">The new settings object, of the type that the feature was declared with; null when they are removed.</param>
public sealed record StateChange(StateChangeKind Kind, SwitchPort? Port, object? Settings = null);
