namespace Microsoft.HyperV.PowerShell;

/// <summary>The floppy disk drive of a generation 1 machine.</summary>
public sealed class VMFloppyDiskDrive : VMComponentObject
{
    /// <summary>Image in it; empty when there is none.</summary>
    public string Path { get; set; } = "";

    /// <summary>Pool the storage comes from.</summary>
    public string PoolName { get; set; } = "Primordial";
}
