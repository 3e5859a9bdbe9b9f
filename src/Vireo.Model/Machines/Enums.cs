#pragma warning disable CS1591 // members carry the original's names, which say what they are
namespace Microsoft.HyperV.PowerShell;

/// <summary>On or off.</summary>
public enum OnOffState
{
    On = 0,
    Off = 1,
}

/// <summary>What happens to a machine when the host starts.</summary>
public enum StartAction
{
    Nothing = 2,
    StartIfRunning = 3,
    Start = 4,
}

/// <summary>What happens to a machine when the host stops.</summary>
public enum StopAction
{
    TurnOff = 2,
    Save = 3,
    ShutDown = 4,
}

/// <summary>Kind of checkpoint a machine takes.</summary>
public enum CheckpointType
{
    Disabled = 2,
    Production = 3,
    ProductionOnly = 4,
    Standard = 5,
}

/// <summary>Heartbeat of a guest.</summary>
public enum VMHeartbeatStatus
{
    Unknown = 0,
    Disabled = 1,
    NoContact = 2,
    Error = 3,
    LostCommunication = 4,
    OkApplicationsUnknown = 5,
    OkApplicationsHealthy = 6,
    OkApplicationsCritical = 7,
    Paused = 8,
}

/// <summary>Operational status of a machine; only the values this version reports carry a meaning here.</summary>
public enum VMOperationalStatus
{
    Ok = 2,
    Degraded = 3,
    InService = 11,
}

/// <summary>Operational status of an integration service.</summary>
public enum VMIntegrationComponentOperationalStatus
{
    Ok = 2,
    Degraded = 3,
    Error = 6,
    NonRecoverableError = 7,
    NoContact = 12,
    LostCommunication = 13,
    ProtocolMismatch = 32775,
    ApplicationCritical = 32782,
    CommunicationTimedOut = 32783,
    CommunicationFailed = 32784,
    Disabled = 32896,
}

/// <summary>Kind of device a machine starts from.</summary>
public enum BootDevice
{
    Floppy = 0,
    CD = 1,
    IDE = 2,
    LegacyNetworkAdapter = 3,
    NetworkAdapter = 4,
    VHD = 5,
}

/// <summary>Kind of a firmware's boot source.</summary>
public enum VMBootSourceType
{
    Unknown = 0,
    Drive = 1,
    Network = 2,
    File = 3,
}

/// <summary>Where the firmware's console goes.</summary>
public enum ConsoleModeType
{
    Default = 0,
    COM1 = 1,
    COM2 = 2,
    None = 3,
}

/// <summary>Protocol the firmware tries first when it starts from the network.</summary>
public enum IPProtocolPreference
{
    IPv4 = 0,
    IPv6 = 1,
}

/// <summary>What to wait for.</summary>
public enum WaitVMTypes
{
    Heartbeat = 0,
    IPAddress = 1,
    Reboot = 2,
    MemoryOperations = 3,
}

/// <summary>Generation of a machine.</summary>
public enum VirtualMachineSubType
{
    Unknown = 0,
    Generation1 = 1,
    Generation2 = 2,
}

/// <summary>Where a file that is copied lies.</summary>
public enum CopyFileSourceType
{
    /// <summary>On the host.</summary>
    Host,

    /// <summary>In the guest.</summary>
    Guest,
}
