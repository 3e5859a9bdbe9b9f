namespace Vireo.Disks.Vhdx;

/// <summary>What an entry says of its payload block. [MS-VHDX] 2.5.1.1 Payload BAT Entry States; 4 and 5 are reserved.</summary>
public enum VhdxBlockState : byte
{
    /// <summary>Never written; reads as zeros here (in a differencing file: see the parent).</summary>
    NotPresent = 0,

    /// <summary>Content undefined; reads as zeros here. The file offset may still be reserved for the block.</summary>
    Undefined = 1,

    /// <summary>All zeros. The file offset must be 0.</summary>
    Zero = 2,

    /// <summary>Given up by a trim; reads as zeros here, also in a differencing file. The file offset may still be reserved for the block.</summary>
    Unmapped = 3,

    /// <summary>All in this file.</summary>
    FullyPresent = 6,

    /// <summary>Partly in this file, partly in the parent; only in differencing files.</summary>
    PartiallyPresent = 7,
}

/// <summary>An entry of the block allocation table: state in the lowest three bits, file offset in megabytes in the upper 44. [MS-VHDX] 2.5.1 BAT Entry.</summary>
/// <param name="Value">As in the file.</param>
public readonly record struct VhdxBatEntry(ulong Value)
{
    /// <summary>Length in the file.</summary>
    public const int LengthBytes = 8;

    private const ulong StateMask = 7;
    private const ulong OffsetMask = ~(ulong)(VhdxLimits.Megabyte - 1);

    /// <summary>An entry for a block at <paramref name="offsetBytes"/>, a multiple of 1 MB.</summary>
    public VhdxBatEntry(VhdxBlockState state, long offsetBytes)
        : this((ulong)offsetBytes | (ulong)state)
    {
        Platform.Invariant.Check(((ulong)offsetBytes & ~OffsetMask) == 0);
    }

    /// <summary>The state; may be a reserved value in a hostile file.</summary>
    public VhdxBlockState State => (VhdxBlockState)(Value & StateMask);

    /// <summary>Whether the state says that the block's content is in the file.</summary>
    public bool HasPlace => State is VhdxBlockState.FullyPresent or VhdxBlockState.PartiallyPresent;

    /// <summary>Place of the block in the file; not bounded in a hostile file, hence unsigned.</summary>
    public ulong RawOffsetBytes => Value & OffsetMask;

    /// <summary>Place of the block in the file, once the entry was checked.</summary>
    public long OffsetBytes => (long)RawOffsetBytes;
}
