namespace Microsoft.HyperV.PowerShell;

/// <summary>The key that a machine's trusted platform module encrypts with, as it is kept.</summary>
public sealed class VMKeyProtector : VMComponentObject
{
    /// <summary>The key, encrypted with the guardian key of a host, in base 64; empty when there is none and the module does not encrypt.</summary>
    public string KeyProtector { get; set; } = "";

    /// <summary>This host can open it.</summary>
    public bool IsUsable { get; set; }
}

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
