using System.Management.Automation;

namespace Microsoft.HyperV.PowerShell;

/// <summary>The exception in every error record of this module. Scripts match its identifier and category; the message is for people.</summary>
public class VirtualizationException : Exception
{
    /// <summary>An exception with identifier and category.</summary>
    public VirtualizationException(string message, string errorIdentifier, ErrorCategory errorCategory, Exception? inner = null)
        : base(message, inner)
    {
        ErrorIdentifier = errorIdentifier;
        ErrorCategory = errorCategory;
    }

    /// <summary>Identifier, for example <c>InvalidParameter</c>.</summary>
    public string ErrorIdentifier { get; }

    /// <summary>Category.</summary>
    public ErrorCategory ErrorCategory { get; }
}

/// <summary>The name that version 1.1 of the original's module gives to a failed operation. This module throws its base.</summary>
public sealed class VirtualizationOperationFailedException(string message, string errorIdentifier, ErrorCategory errorCategory)
    : VirtualizationException(message, errorIdentifier, errorCategory);

/// <summary>The name that version 1.1 of the original's module gives to a wrong argument. This module throws its base.</summary>
public sealed class VirtualizationInvalidArgumentException(string message, string errorIdentifier, ErrorCategory errorCategory)
    : VirtualizationException(message, errorIdentifier, errorCategory);
