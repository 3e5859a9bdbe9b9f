namespace Vireo.Machines.Configuration;

/// <summary>What decides the resolutions of a screen.</summary>
public enum VideoResolution
{
    /// <summary>Everything up to the resolution that is set.</summary>
    Maximum,

    /// <summary>Just the resolution that is set.</summary>
    Single,

    /// <summary>The guest chooses.</summary>
    Default,
}

/// <summary>Screen of a machine, in pixels.</summary>
public sealed record VideoConfiguration
{
    /// <summary>What the numbers mean.</summary>
    public VideoResolution Resolution { get; set; } = VideoResolution.Default;

    /// <summary>Pixels in a row.</summary>
    public int Horizontal { get; set; } = 1280;

    /// <summary>Rows.</summary>
    public int Vertical { get; set; } = 800;
}
