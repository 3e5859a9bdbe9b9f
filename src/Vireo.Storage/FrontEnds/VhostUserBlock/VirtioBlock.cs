using System.Buffers.Binary;
using Vireo.Disks;

namespace Vireo.Storage.FrontEnds.VhostUserBlock;

/// <summary>Names and numbers of virtio 1.2 5.2 Block Device.</summary>
internal static class VirtioBlock
{
    /// <summary>All positions and lengths count in these, whatever the logical sector of the disk.</summary>
    public const int SectorBytes = 512;

    /// <summary>5.2.3 Feature bits.</summary>
    public const ulong SegmentCountFeature = 1UL << 2;
    public const ulong ReadOnlyFeature = 1UL << 5;
    public const ulong BlockSizeFeature = 1UL << 6;
    public const ulong FlushFeature = 1UL << 9;
    public const ulong TopologyFeature = 1UL << 10;
    public const ulong MultipleQueuesFeature = 1UL << 12;
    public const ulong DiscardFeature = 1UL << 13;
    public const ulong WriteZeroesFeature = 1UL << 14;

    /// <summary>5.2.6 Device Operation: VIRTIO_BLK_T_*.</summary>
    public const uint Read = 0;
    public const uint Write = 1;
    public const uint Flush = 4;
    public const uint GetId = 8;
    public const uint Discard = 11;
    public const uint WriteZeroes = 13;

    /// <summary>VIRTIO_BLK_S_*.</summary>
    public const byte StatusOk = 0;
    public const byte StatusIoError = 1;
    public const byte StatusUnsupported = 2;

    /// <summary>"The device ID string is a NUL-padded ASCII string up to 20 bytes long."</summary>
    public const int IdBytes = 20;

    /// <summary>Data segments of one request: QEMU's queue of 128 descriptors less header and status.</summary>
    public const int SegmentsMax = 126;

    /// <summary>Ranges that one discard or write-zeroes request may name.</summary>
    public const int RangesMax = 16;

    /// <summary>Sectors that one such range may have: 1 GiB, so that a request does not keep a disk busy for long.</summary>
    public const uint RangeSectorsMax = 1 << 21;

    /// <summary>Length of <c>struct virtio_blk_config</c> with the write-zeroes fields.</summary>
    public const int ConfigBytes = 60;

    /// <summary>5.2.4 Device configuration layout.</summary>
    public static byte[] Config(BlockGeometry geometry, int queues)
    {
        var config = new byte[ConfigBytes];
        var physicalExponent = int.Log2(geometry.PhysicalSectorBytes / geometry.LogicalSectorBytes);
        BinaryPrimitives.WriteInt64LittleEndian(config, geometry.SizeBytes / SectorBytes); // capacity
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(12), SegmentsMax); // seg_max
        BinaryPrimitives.WriteInt32LittleEndian(config.AsSpan(20), geometry.LogicalSectorBytes); // blk_size
        config[24] = (byte)Math.Max(0, physicalExponent); // topology: logical blocks per physical block, as an exponent
        config[25] = 0; // offset of the first aligned logical block
        BinaryPrimitives.WriteUInt16LittleEndian(config.AsSpan(26), 1); // suggested minimum I/O size, in blocks
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(28), 0); // optimal I/O size: none
        BinaryPrimitives.WriteUInt16LittleEndian(config.AsSpan(34), (ushort)queues); // num_queues
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(36), RangeSectorsMax); // max_discard_sectors
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(40), RangesMax); // max_discard_seg
        BinaryPrimitives.WriteInt32LittleEndian(config.AsSpan(44), geometry.PhysicalSectorBytes / SectorBytes); // discard_sector_alignment
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(48), RangeSectorsMax); // max_write_zeroes_sectors
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(52), RangesMax); // max_write_zeroes_seg
        config[56] = 1; // write_zeroes_may_unmap
        return config;
    }
}
