using System.Text.Json.Serialization;

namespace Microsoft.HyperV.PowerShell;

/// <summary>Base of every object that commands take and return. Where one of several types may stand, JSON names it by <c>$type</c>.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "$type")]
[JsonDerivedType(typeof(VirtualMachine), nameof(VirtualMachine))]
[JsonDerivedType(typeof(VMSnapshot), nameof(VMSnapshot))]
[JsonDerivedType(typeof(VMMemory), nameof(VMMemory))]
[JsonDerivedType(typeof(VMProcessor), nameof(VMProcessor))]
[JsonDerivedType(typeof(VMComPort), nameof(VMComPort))]
[JsonDerivedType(typeof(VMNetworkAdapter), nameof(VMNetworkAdapter))]
[JsonDerivedType(typeof(HardDiskDrive), nameof(HardDiskDrive))]
[JsonDerivedType(typeof(DvdDrive), nameof(DvdDrive))]
public abstract class VirtualizationObject
{
    /// <summary>Host the object lives on.</summary>
    public string ComputerName { get; set; } = "";

    /// <summary>True once the object is known to be gone.</summary>
    public bool IsDeleted { get; set; }

    /// <summary>
    /// Where live properties are read afresh; null on the host itself, and for objects that were read from a file. Set by the client
    /// that made the object.
    /// </summary>
    [JsonIgnore]
    internal ILiveSource? LiveSource { get; set; }
}

/// <summary>Reads an object's live properties again. Implementations decide how fresh is fresh enough.</summary>
public interface ILiveSource
{
    /// <summary>Brings the live properties of <paramref name="value"/> up to date, or marks it deleted.</summary>
    void Refresh(VirtualizationObject value);
}

/// <summary>A part of a virtual machine: a drive, an adapter, a port. <see cref="Id"/> is its identity; the rest describes it.</summary>
public class VMComponentObject : VirtualizationObject
{
    /// <summary>Identity, <c>Microsoft:&lt;machine&gt;\&lt;part&gt;</c> as scripts know it.</summary>
    public string Id { get; set; } = "";

    /// <summary>Name.</summary>
    public string Name { get; set; } = "";

    /// <summary>Machine the part belongs to.</summary>
    public Guid VMId { get; set; }

    /// <summary>Name of that machine.</summary>
    public string VMName { get; set; } = "";

    /// <summary>Makes the identity of a part.</summary>
    public static string MakeId(Guid machine, string part) => $"Microsoft:{machine.ToString("D").ToUpperInvariant()}\\{part.ToUpperInvariant()}";

    /// <summary>The part's own id out of <see cref="Id"/>; empty when it has none.</summary>
    public Guid PartId() =>
        Id.LastIndexOf('\\') is var at && Guid.TryParse(at < 0 ? Id : Id[(at + 1)..], out var part) ? part : Guid.Empty;
}
