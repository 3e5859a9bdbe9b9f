using Vireo.Disks;
using Vireo.Storage.Layers;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>The disk as the protocol describes it; fixed for the time of one connection.</summary>
internal sealed class NbdExport(DiskStack disk)
{
    private readonly BlockCapabilities _capabilities = disk.Capabilities;

    /// <summary>Where requests go.</summary>
    public DiskStack Disk => disk;

    /// <summary>Size and sectors.</summary>
    public BlockGeometry Geometry { get; } = disk.Geometry;

    /// <summary>What a client may ask about ranges.</summary>
    public IReadOnlyList<NbdMetaContext> Contexts { get; } = [new(NbdMetaContext.Allocation, disk.MapExtentsAsync), .. Changes(disk)];

    // By the name under which tools know such a thing: 1 is dirty, 0 is clean (QEMU, docs/interop/nbd.rst).
    private static IEnumerable<NbdMetaContext> Changes(DiskStack disk) =>
        from layer in disk.Layers.OfType<TrackingLayer>()
        from checkpoint in layer.Checkpoints
        select new NbdMetaContext("qemu:dirty-bitmap:" + checkpoint, (offset, length, extents) => layer.MapChangesAsync(checkpoint, offset, length, extents));

    /// <summary>What the client may ask. Several connections are one: they share the stack, so a flush on one covers all.</summary>
    public NbdExportFlags Flags(bool hasStructuredReplies) =>
        NbdExportFlags.HasFlags | NbdExportFlags.Flush | NbdExportFlags.ForceUnitAccess | NbdExportFlags.MultipleConnections
        | (_capabilities.ReadOnly ? NbdExportFlags.ReadOnly : NbdExportFlags.None)
        | (_capabilities.Trim != Capability.None ? NbdExportFlags.Trim : NbdExportFlags.None)
        | (_capabilities.WriteZeroes != Capability.None && !_capabilities.ReadOnly ? NbdExportFlags.WriteZeroes : NbdExportFlags.None)
        | (hasStructuredReplies ? NbdExportFlags.DoNotFragment : NbdExportFlags.None);
}
