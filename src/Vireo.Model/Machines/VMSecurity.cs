namespace Microsoft.HyperV.PowerShell;

/// <summary>What protects a machine's guest.</summary>
public sealed class VMSecurity : VMComponentObject
{
    /// <summary>It has a trusted platform module.</summary>
    public bool TpmEnabled { get; set; }

    /// <summary>Its saved state is encrypted; not offered, so always false.</summary>
    public bool EncryptStateAndVmMigrationTraffic { get; set; }

    /// <summary>The guest may not use virtualization to protect itself; not offered, so always false.</summary>
    public bool VirtualizationBasedSecurityOptOut { get; set; }

    /// <summary>Its keys are bound to a module of the host; not offered, so always false.</summary>
    public bool BindToHostTpm { get; set; }

    /// <summary>It is shielded from administrators; not offered, so always false.</summary>
    public bool Shielded { get; set; }
}
