using Vireo.Commands.Framework;
using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Machines.States;

namespace Vireo.Host.Machines;

/// <summary>Failures of the machine room and of the planes as errors of commands.</summary>
internal static class MachineErrors
{
    // Ids that a failed start may carry; whatever else goes wrong is one kind of failure to scripts.
    private static readonly HashSet<string> s_startIds = new(StringComparer.Ordinal) { "AccessDenied", "OutOfMemory", "InvalidState", "InvalidParameter" };

    /// <summary>The error to report, or null for an exception that is none of ours.</summary>
    public static CommandException? Translate(Exception error, string operation, VirtualMachineConfiguration machine)
    {
        var translated = Translate(operation, machine, error);
        return operation != "start" || translated is null || s_startIds.Contains(translated.ErrorId)
            ? translated
            : new CommandException("Unspecified", ErrorCategory.NotSpecified, translated.Message, translated.TargetObject, translated);
    }

    private static CommandException? Translate(string operation, VirtualMachineConfiguration machine, Exception error) => error switch
    {
        CommandException => null,
        MachineStateException state => new CommandException(
            "InvalidState", ErrorCategory.InvalidOperation,
            $"The virtual machine '{machine.Name}' cannot {operation} while it is {state.State}.", machine.Name, state),
        MachineException failure => new CommandException(Id(failure.Kind), Category(failure.Kind), $"The virtual machine '{machine.Name}' could not {operation}: {failure.Message}", machine.Name, failure),
        ControlException refused => PlaneErrors.ToCommandError(refused),
        UnauthorizedAccessException denied => new CommandException(
            "AccessDenied", ErrorCategory.PermissionDenied, $"The virtual machine '{machine.Name}' could not {operation}: {denied.Message}", machine.Name, denied),
        IOException file => new CommandException(
            "OperationFailed", ErrorCategory.NotSpecified, $"The virtual machine '{machine.Name}' could not {operation}: {file.Message}", machine.Name, file),
        _ => null,
    };

    private static string Id(MachineErrorKind kind) => kind switch
    {
        MachineErrorKind.InvalidConfiguration => "InvalidParameter",
        MachineErrorKind.NotSupported => "NotSupported",
        MachineErrorKind.StartFailed or MachineErrorKind.MissingResource => "Unspecified",
        _ => "OperationFailed",
    };

    private static ErrorCategory Category(MachineErrorKind kind) => kind switch
    {
        MachineErrorKind.InvalidConfiguration => ErrorCategory.InvalidArgument,
        MachineErrorKind.NotSupported => ErrorCategory.NotImplemented,
        MachineErrorKind.GuestTimeout => ErrorCategory.OperationTimeout,
        _ => ErrorCategory.NotSpecified,
    };
}
