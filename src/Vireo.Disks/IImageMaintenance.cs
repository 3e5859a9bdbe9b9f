namespace Vireo.Disks;

/// <summary>How thorough a compaction is (<c>Optimize-VHD -Mode</c>).</summary>
public enum CompactMode
{
    /// <summary>Looks for blocks of zeros and drops them, drops trimmed blocks, moves the others together.</summary>
    Full,

    /// <summary>As <see cref="Full"/> without looking for zeros.</summary>
    Quick,

    /// <summary>Only gives the storage of trimmed ranges back to the file system.</summary>
    Retrim,

    /// <summary>As <see cref="Quick"/>; unused space was overwritten with zeros by whoever prepared the disk, so zeros are looked for.</summary>
    Prezeroed,

    /// <summary>Trims nothing and looks for nothing: only moves blocks together.</summary>
    Pretrimmed,
}

/// <summary>How far a long operation has come.</summary>
/// <param name="DoneBytes">Bytes dealt with.</param>
/// <param name="TotalBytes">Of so many; may grow.</param>
public readonly record struct CopyProgress(long DoneBytes, long TotalBytes);

/// <summary>
/// Changes to an image as a whole, while no request is inside it. Each is durable when it returns, is as before or as after when the power
/// fails in the middle, and leaves a whole image when it is cancelled. Refusals are <see cref="ImageException"/>s.
/// </summary>
public interface IImageMaintenance
{
    /// <summary>The smallest size to which <see cref="ResizeAsync"/> can shrink the disk without losing data that was written and not trimmed.</summary>
    long MinimumSizeBytes { get; }

    /// <summary>Sets the size of the virtual disk. New space reads as zeros; shrinking is refused when it would lose data.</summary>
    Task ResizeAsync(long sizeBytes, IProgress<CopyProgress>? progress, CancellationToken cancellationToken);

    /// <summary>Makes the file smaller, and says how what had to move was copied.</summary>
    Task<Operations.CopyResult> CompactAsync(CompactMode mode, IProgress<CopyProgress>? progress, CancellationToken cancellationToken);

    /// <summary>Writes another parent reference into a differencing image; the caller has made sure that it is right.</summary>
    void SetParentReference(ParentReference parent);

    /// <summary>Sets the physical sector size that the guest sees: 512 or 4096.</summary>
    void SetPhysicalSectorBytes(int physicalSectorBytes);

    /// <summary>Sets the identity that the guest sees.</summary>
    void SetDiskId(Guid diskId);
}
