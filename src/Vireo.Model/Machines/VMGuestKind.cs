namespace Microsoft.HyperV.PowerShell;

/// <summary>Devices of a machine's SCSI disks and network adapters.</summary>
public enum VMDeviceModel
{
    /// <summary>virtio; the guest needs its drivers.</summary>
    Synthetic = 0,

    /// <summary>AHCI disks and Intel network adapters, which every guest has drivers for.</summary>
    Emulated = 1,
}

/// <summary>Kind of operating system that a machine is for.</summary>
public enum VMGuestFamily
{
    /// <summary>Linux and others.</summary>
    Other = 0,

    /// <summary>Windows: clock in local time; Hyper-V's enlightenments where the host has KVM.</summary>
    Windows = 1,
}
