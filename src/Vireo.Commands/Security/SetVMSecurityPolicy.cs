using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.Security;

/// <summary>
/// Changes the security policy of virtual machines. Shielding, which keeps administrators of a host out of its guests, needs a Host Guardian Service and is
/// not offered: asking for it is refused.
/// </summary>
[Command("Set", "VMSecurityPolicy", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "nothing is to be set")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "the machine is to be shielded")]
[Example("Set-VMSecurityPolicy web1 -Shielded $false", "Sets what is so anyway.")]
public sealed class SetVMSecurityPolicy : ChangePartCommand
{
    /// <summary>Shield the machine. Only $false is taken.</summary>
    [Parameter]
    public bool? Shielded { get; set; }

    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (Shielded is null)
        {
            throw Errors.Invalid("Nothing is to be set: name -Shielded.", nameof(Shielded));
        }

        if (Shielded == true)
        {
            throw Errors.NotSupported(
                "Virtual machines cannot be shielded: that needs a Host Guardian Service, which vouches for hosts, and root of this host can always reach its guests. What a trusted platform module keeps is encrypted on disk with Set-VMKeyProtector -NewLocalKeyProtector.",
                nameof(Shielded));
        }

        return ChangeEachAsync(context, Machines(context), "Set-VMSecurityPolicy", static (c, _) => c, Passthru ? machine => WriteMachine(context, machine.Id) : null);
    }
}
