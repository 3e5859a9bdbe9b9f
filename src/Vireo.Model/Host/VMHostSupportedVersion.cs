namespace Microsoft.HyperV.PowerShell;

/// <summary>A version of machine configurations that the host runs.</summary>
public sealed class VMHostSupportedVersion : VirtualizationObject
{
    /// <summary>For people.</summary>
    public string Name { get; set; } = "";

    /// <summary>The version, as machines have it.</summary>
    public string Version { get; set; } = "";

    /// <summary>New machines get it.</summary>
    public bool IsDefault { get; set; }
}
