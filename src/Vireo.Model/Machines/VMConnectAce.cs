namespace Microsoft.HyperV.PowerShell;

/// <summary>What a user may do with a machine's consoles.</summary>
public enum VMConnectAceAccessType
{
    /// <summary>Connect to them.</summary>
    Allowed = 0,
}

/// <summary>A user who may connect to the consoles of a machine, without being an administrator.</summary>
public sealed class VMConnectAce : VirtualizationObject
{
    /// <summary>Name of the user.</summary>
    public string UserName { get; set; } = "";

    /// <summary>Number of the user on the host; null for one whom the host does not know any more.</summary>
    public uint? UserId { get; set; }

    /// <summary>What the user may do.</summary>
    public VMConnectAceAccessType Access { get; set; }

    /// <summary>The machine.</summary>
    public Guid VMId { get; set; }

    /// <summary>Its name.</summary>
    public string VMName { get; set; } = "";
}
