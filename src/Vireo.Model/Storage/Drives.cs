namespace Microsoft.HyperV.PowerShell;

/// <summary>Bus a drive hangs on.</summary>
public enum ControllerType
{
    /// <summary>Emulated IDE.</summary>
    IDE = 0,

    /// <summary>Synthetic SCSI.</summary>
    SCSI = 1,
}

/// <summary>Kind of medium in a DVD drive.</summary>
public enum DvdMediaType
{
    /// <summary>Empty.</summary>
    None = 0,

    /// <summary>An image file.</summary>
    ISO = 1,

    /// <summary>The host's drive.</summary>
    PassThrough = 2,
}

/// <summary>A drive on a controller.</summary>
public class Drive : VMComponentObject
{
    /// <summary>Image file; empty when there is no medium.</summary>
    public string Path { get; set; } = "";

    /// <summary>Controller on the bus.</summary>
    public int ControllerNumber { get; set; }

    /// <summary>Place on the controller.</summary>
    public int ControllerLocation { get; set; }

    /// <summary>Bus.</summary>
    public ControllerType ControllerType { get; set; }

    /// <summary>Pool the storage comes from.</summary>
    public string PoolName { get; set; } = "Primordial";
}

/// <summary>A hard disk drive.</summary>
public sealed class HardDiskDrive : Drive
{
    /// <summary>Physical disk of the host, for pass-through disks.</summary>
    public uint? DiskNumber { get; set; }

    /// <summary>Least normalized operations a second; 0 is none, which is all that is offered.</summary>
    public ulong MinimumIOPS { get; set; }

    /// <summary>Most normalized operations a second; 0 is no limit, which is all that is offered.</summary>
    public ulong MaximumIOPS { get; set; }

    /// <summary>Several machines share the disk; not offered, so always false.</summary>
    public bool SupportPersistentReservations { get; set; }
}

/// <summary>A DVD drive.</summary>
public sealed class DvdDrive : Drive
{
    /// <summary>Kind of medium.</summary>
    public DvdMediaType DvdMediaType { get; set; }
}

/// <summary>A controller of drives.</summary>
public class VMDriveController : VMComponentObject
{
    /// <summary>Number on its bus.</summary>
    public int ControllerNumber { get; set; }

    /// <summary>Bus.</summary>
    public ControllerType ControllerType { get; set; }

    /// <summary>Drives on it, by location.</summary>
    public Drive[] Drives { get; set; } = [];
}

/// <summary>A virtual SCSI controller.</summary>
public sealed class VMScsiController : VMDriveController;

/// <summary>An emulated IDE controller.</summary>
public sealed class VMIdeController : VMDriveController;
