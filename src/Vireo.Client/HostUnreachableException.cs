namespace Vireo.Client;

/// <summary>The host does not answer, refuses the caller, or broke off. The message says what to do.</summary>
public sealed class HostUnreachableException(string errorId, string category, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Identifier, as scripts match it.</summary>
    public string ErrorId { get; } = errorId;

    /// <summary>Name of PowerShell's category.</summary>
    public string Category { get; } = category;

    /// <summary>The host may well be there, but does not let the caller in. Scripts see the same identifier as for a host that is gone.</summary>
    public bool IsRefusal { get; init; }
}
