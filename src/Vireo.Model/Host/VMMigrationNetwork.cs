namespace Microsoft.HyperV.PowerShell;

/// <summary>A network that virtual machines migrate over.</summary>
public sealed class VMMigrationNetwork : VirtualizationObject
{
    /// <summary>Network and length of its prefix: <c>192.168.10.0/24</c>.</summary>
    public string Subnet { get; set; } = "";

    /// <summary>Networks are taken in ascending order.</summary>
    public uint Priority { get; set; }
}
