namespace Microsoft.HyperV.PowerShell;

/// <summary>What a group holds.</summary>
public enum GroupType
{
    /// <summary>Virtual machines.</summary>
    VMCollectionType = 0,

    /// <summary>Other groups.</summary>
    ManagementCollectionType = 1,
}

/// <summary>A named collection of virtual machines, or of such collections.</summary>
public sealed class VMGroup : VirtualizationObject
{
    /// <summary>Identity, for life.</summary>
    public Guid InstanceId { get; set; }

    /// <summary>Name; several groups may share one.</summary>
    public string Name { get; set; } = "";

    /// <summary>What it holds.</summary>
    public GroupType GroupType { get; set; }

    /// <summary>Its virtual machines.</summary>
    public VirtualMachine[] VMMembers { get; set; } = [];

    /// <summary>Its groups; theirs are not shown.</summary>
    public VMGroup[] VMGroupMembers { get; set; } = [];
}
