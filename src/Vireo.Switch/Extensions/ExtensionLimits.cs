namespace Vireo.Switch.Extensions;

/// <summary>What an extension may take.</summary>
internal sealed record ExtensionLimits
{
    /// <summary>Time is counted in windows of this length.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Time on a packet thread in a window. A capture extension that has used it sees no more frames until the next window.</summary>
    public TimeSpan Budget { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Windows in a row that another extension may go beyond its budget; then it is cut off.</summary>
    public int WindowsOverBudgetMax { get; init; } = 50;

    /// <summary>An extension that a frame does not come back from for so long has stalled, and the plane has to be restarted to get rid of it.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a call that sees no frames may take.</summary>
    public TimeSpan Call { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>When managed memory grows beyond this, the extension that asked for most is cut off.</summary>
    public long MemoryBytes { get; init; } = 2L << 30;

    /// <summary>Frames that an extension may have on the way in.</summary>
    public int InjectedFramesMax { get; init; } = 1024;
}
