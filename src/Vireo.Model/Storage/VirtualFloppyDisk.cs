namespace Microsoft.Vhd.PowerShell;

/// <summary>A virtual floppy disk file, by the names that scripts know of a file.</summary>
public sealed class VirtualFloppyDisk : HyperV.PowerShell.VirtualizationObject
{
    /// <summary>The file.</summary>
    public string FullName { get; set; } = "";

    /// <summary>Its name without the folder.</summary>
    public string Name => System.IO.Path.GetFileName(FullName);

    /// <summary>Its folder.</summary>
    public string DirectoryName => System.IO.Path.GetDirectoryName(FullName) ?? "";

    /// <summary>Its size in bytes.</summary>
    public long Length { get; set; }
}
