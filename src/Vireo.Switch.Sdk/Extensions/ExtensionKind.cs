namespace Vireo.Switch.Sdk;

/// <summary>What an extension does with frames, and so where it stands.</summary>
public enum ExtensionKind : byte
{
    /// <summary>Looks at frames and changes nothing. A switch can have many.</summary>
    Capture,

    /// <summary>Drops, changes and injects frames. A switch can have many.</summary>
    Filter,

    /// <summary>Says where frames go, in place of the switch's own lookup. A switch has at most one.</summary>
    Forwarding,

    /// <summary>Decides about conversations instead of frames. A switch can have many.</summary>
    Firewall,
}
