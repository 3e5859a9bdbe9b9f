using Vireo.Commands.Framework;

namespace Vireo.Commands.Support;

/// <summary>The errors that many commands share, so that ids and categories stay those scripts match on.</summary>
public static class Errors
{
    /// <summary>A named machine is not there.</summary>
    public static CommandException MachineNotFound(string name, bool forChange) => forChange
        ? new("ObjectNotFound", ErrorCategory.ObjectNotFound, $"There is no virtual machine named '{name}' on this host; 'Get-VM' lists those that exist.", name)
        : new("InvalidParameter", ErrorCategory.InvalidArgument, $"There is no virtual machine named '{name}' on this host; 'Get-VM' lists those that exist.", name);

    /// <summary>A machine given as an object, or by id, is not there any more.</summary>
    public static CommandException MachineGone(Guid id) =>
        new("InvalidParameter", ErrorCategory.InvalidArgument, $"There is no virtual machine with the id '{id}' on this host; it may have been removed.", id);

    /// <summary>A value is out of its range or makes no sense.</summary>
    public static CommandException Invalid(string message, object? target) =>
        new("InvalidParameter", ErrorCategory.InvalidArgument, message, target);

    /// <summary>The machine's state does not allow it.</summary>
    public static CommandException State(string message, object? target) =>
        new("InvalidState", ErrorCategory.InvalidOperation, message, target);

    /// <summary>Not possible in this version.</summary>
    public static CommandException NotSupported(string message, object? target) =>
        new("NotSupported", ErrorCategory.NotImplemented, message, target);

    /// <summary>The thing is not there.</summary>
    public static CommandException NotFound(string message, object? target) =>
        new("ObjectNotFound", ErrorCategory.ObjectNotFound, message, target);

    /// <summary>The thing is there already.</summary>
    public static CommandException Exists(string message, object? target) =>
        new("ResourceExists", ErrorCategory.ResourceExists, message, target);
}
