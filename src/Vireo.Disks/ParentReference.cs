namespace Vireo.Disks;

/// <summary>What a differencing image says of the image it was made from.</summary>
/// <param name="Paths">Where the parent may be, the most telling first, as written in the file: relative, absolute or on a volume, often with a Windows path's form.</param>
/// <param name="Identity">What the parent must answer to: the data write id of a VHDX ([MS-VHDX] 2.2.2), the unique id of a VHD.</param>
/// <param name="AlternateIdentity">A second identity that is accepted, or null ([MS-VHDX] 2.6.2.6.3 <c>parent_linkage2</c>).</param>
public sealed record ParentReference(IReadOnlyList<string> Paths, Guid Identity, Guid? AlternateIdentity = null);
