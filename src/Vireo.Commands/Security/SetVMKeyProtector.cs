using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Security;

/// <summary>
/// Gives virtual machines a key protector, so that what their trusted platform modules keep is encrypted on disk. The key is in the machine's configuration,
/// encrypted with the guardian key of this host; on another host the module cannot be read, unless that host has the same guardian key. It is given before
/// the module is used for the first time, and stays.
/// </summary>
[Command("Set", "VMKeyProtector", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the machine is of generation 1, nothing is to be set, or this host cannot open the key protector")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off, or its module keeps something already")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "an earlier key protector is to be brought back")]
[Example("Set-VMKeyProtector web1 -NewLocalKeyProtector", "Has what the trusted platform module of web1 keeps encrypted with a key of this host.")]
public sealed class SetVMKeyProtector : ChangePartCommand
{
    /// <summary>Key protector that this host, or one with the same guardian key, made: the text that Get-VMKeyProtector shows.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? KeyProtector { get; set; }

    /// <summary>Make a new key, which this host keeps.</summary>
    [Parameter]
    public Switch NewLocalKeyProtector { get; set; }

    /// <summary>Bring an earlier key protector back. A machine keeps the one it has, so there is none: refused.</summary>
    [Parameter]
    public Switch RestoreLastKnownGoodKeyProtector { get; set; }

    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (RestoreLastKnownGoodKeyProtector)
        {
            throw Errors.NotSupported("A virtual machine keeps the key protector it was given, so there is no earlier one to bring back.", nameof(RestoreLastKnownGoodKeyProtector));
        }

        if (KeyProtector is null == !NewLocalKeyProtector)
        {
            throw Errors.Invalid("Give either -NewLocalKeyProtector or -KeyProtector.", nameof(NewLocalKeyProtector));
        }

        var guardian = context.Service<IGuardian>();
        if (KeyProtector is { } given && !guardian.CanOpen(given))
        {
            throw Errors.Invalid("The key protector was made by another host, whose guardian key this host does not have, or is damaged; key protectors of a Host Guardian Service are not supported.", nameof(KeyProtector));
        }

        return ChangeEachAsync(
            context,
            Machines(context),
            "Set-VMKeyProtector",
            (c, status) => SecurityMapper.WithKeyProtector(c, status, KeyProtector ?? guardian.New(), guardian),
            Passthru ? machine => WriteMachine(context, machine.Id) : null);
    }
}
