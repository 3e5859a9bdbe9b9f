namespace Vireo.Disks;

/// <summary>How much one question about extents answers; the caller asks on from there.</summary>
internal static class ExtentLimit
{
    /// <summary>Extents in one answer at most.</summary>
    public const int PerRequest = 4096;
}
