using Vireo.Disks;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>
/// Something that a client may ask about ranges of the disk (NBD "Metadata querying"). Further ones are added to
/// <see cref="NbdExport.Contexts"/>; the handshake lets the client choose by name.
/// </summary>
/// <param name="Name">Namespace, colon, name: <c>base:allocation</c>.</param>
/// <param name="MapAsync">
/// Appends contiguous extents that cover the range from its start, at least one of them, as <see cref="IBlockDevice.MapExtentsAsync"/> does.
/// The number of an extent's <see cref="ExtentKind"/> is what the client gets; a context of its own meaning casts its flags to it.
/// </param>
internal sealed record NbdMetaContext(string Name, Func<long, long, List<BlockExtent>, ValueTask<BlockStatus>> MapAsync)
{
    /// <summary>The one that every disk has.</summary>
    public const string Allocation = "base:allocation";

    /// <summary>The number that replies of the session's context at <paramref name="index"/> carry.</summary>
    public static int IdOf(int index) => index + 1;
}
