using Vireo.Storage.FrontEnds.Nbd;

namespace Vireo.Storage.NbdClient;

/// <summary>What a server said of its export.</summary>
/// <param name="SizeBytes">Capacity.</param>
/// <param name="Flags">What may be asked.</param>
/// <param name="MinimumBlockBytes">Unit of addressing.</param>
/// <param name="PreferredBlockBytes">Unit that is fast.</param>
/// <param name="MaximumPayloadBytes">Longest read or write.</param>
/// <param name="HasStructuredReplies">Whether replies come in chunks.</param>
/// <param name="AllocationContextId">Number of <c>base:allocation</c>, or null.</param>
internal sealed record NbdServerExport(
    long SizeBytes, NbdExportFlags Flags, int MinimumBlockBytes, int PreferredBlockBytes, int MaximumPayloadBytes, bool HasStructuredReplies, uint? AllocationContextId);
