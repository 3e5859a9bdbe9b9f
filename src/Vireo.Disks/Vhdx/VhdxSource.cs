namespace Vireo.Disks.Vhdx;

/// <summary>Where the bytes of a run come from.</summary>
internal enum VhdxSource : byte
{
    /// <summary>From the file.</summary>
    File,

    /// <summary>They are zeros.</summary>
    Zeros,

    /// <summary>From the parent.</summary>
    Parent,
}

/// <summary>Bytes of the virtual disk that lie together.</summary>
/// <param name="Source">Where they come from.</param>
/// <param name="FileOffset">Where they are in the file, if they are there.</param>
/// <param name="LengthBytes">How many.</param>
internal readonly record struct VhdxRun(VhdxSource Source, long FileOffset, int LengthBytes);
