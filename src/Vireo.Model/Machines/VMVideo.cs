namespace Microsoft.HyperV.PowerShell;

/// <summary>What decides the resolutions of a machine's screen.</summary>
public enum ResolutionType
{
    /// <summary>Everything up to the resolution that is set.</summary>
    Maximum = 2,

    /// <summary>Just the resolution that is set.</summary>
    Single = 3,

    /// <summary>The guest chooses.</summary>
    Default = 4,
}

/// <summary>Screen of a machine.</summary>
public sealed class VMVideo : VMComponentObject
{
    /// <summary>What the numbers mean.</summary>
    public ResolutionType ResolutionType { get; set; }

    /// <summary>Pixels in a row.</summary>
    public ushort HorizontalResolution { get; set; }

    /// <summary>Rows.</summary>
    public ushort VerticalResolution { get; set; }
}
