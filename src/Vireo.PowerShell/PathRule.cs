namespace Vireo.PowerShell;

/// <summary>What a path parameter asks of the client, which alone knows the current location.</summary>
public enum PathRule
{
    /// <summary>It is no path.</summary>
    None,

    /// <summary>A relative path is made absolute.</summary>
    Absolute,

    /// <summary>The same, but a bare file name is left to the host, which has a default folder for it.</summary>
    KeepBareName,
}
