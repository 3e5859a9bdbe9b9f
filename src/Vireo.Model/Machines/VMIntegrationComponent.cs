namespace Microsoft.HyperV.PowerShell;

/// <summary>An integration service of a machine.</summary>
public sealed class VMIntegrationComponent : VMComponentObject
{
    /// <summary>Switched on.</summary>
    public bool Enabled { get; set; }

    /// <summary>Status; null when the machine is not running.</summary>
    public VMIntegrationComponentOperationalStatus? PrimaryOperationalStatus { get; set; }

    /// <summary>Status in words: <c>OK</c>, <c>No Contact</c>, <c>Lost Communication</c>; empty when the machine is not running.</summary>
    public string PrimaryStatusDescription { get; set; } = "";

    /// <summary>Further status in words.</summary>
    public string SecondaryStatusDescription { get; set; } = "";

    /// <summary>All statuses.</summary>
    public VMIntegrationComponentOperationalStatus[] OperationalStatus { get; set; } = [];
}
