namespace Vireo.Commands.Framework;

/// <summary>Categories of errors, with PowerShell's names and numbers.</summary>
public enum ErrorCategory
{
#pragma warning disable CS1591 // the names are PowerShell's own and say what they are
    NotSpecified = 0,
    OpenError = 1,
    CloseError = 2,
    DeviceError = 3,
    DeadlockDetected = 4,
    InvalidArgument = 5,
    InvalidData = 6,
    InvalidOperation = 7,
    InvalidResult = 8,
    InvalidType = 9,
    MetadataError = 10,
    NotImplemented = 11,
    NotInstalled = 12,
    ObjectNotFound = 13,
    OperationStopped = 14,
    OperationTimeout = 15,
    SyntaxError = 16,
    ParserError = 17,
    PermissionDenied = 18,
    ResourceBusy = 19,
    ResourceExists = 20,
    ResourceUnavailable = 21,
    ReadError = 22,
    WriteError = 23,
    FromStdErr = 24,
    SecurityError = 25,
    ProtocolError = 26,
    ConnectionError = 27,
    AuthenticationError = 28,
    LimitsExceeded = 29,
    QuotaExceeded = 30,
    NotEnabled = 31,
#pragma warning restore CS1591
}

/// <summary>
/// A command's own failure. The message is one sentence: what happened, to which object, and what to do. Thrown, it ends the command;
/// written with <see cref="CommandContext.WriteError"/>, the command goes on with the next object.
/// </summary>
public sealed class CommandException(string errorId, ErrorCategory category, string message, object? target = null, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>Identifier: the first half of PowerShell's fully qualified error id.</summary>
    public string ErrorId { get; } = errorId;

    /// <summary>Category.</summary>
    public ErrorCategory Category { get; } = category;

    /// <summary>The object it happened to, usually its name.</summary>
    public object? TargetObject { get; } = target;
}
