namespace Vireo.Machines.Configuration;

/// <summary>Which devices a guest is given for its SCSI disks and its network adapters.</summary>
public enum DeviceModel
{
    /// <summary>virtio: fast, and the guest needs its drivers. Linux has them.</summary>
    Synthetic,

    /// <summary>
    /// Devices that every operating system has drivers for: AHCI disks and Intel network adapters. For a guest that came from elsewhere, until it has the
    /// drivers of the synthetic ones.
    /// </summary>
    Emulated,
}

/// <summary>What kind of operating system a machine is for, where its virtual hardware differs.</summary>
public enum GuestFamily
{
    /// <summary>Linux and others: the clock is in universal time.</summary>
    Other,

    /// <summary>Windows: the clock is in local time, and the hypervisor presents itself as Hyper-V where the accelerator is KVM.</summary>
    Windows,
}
