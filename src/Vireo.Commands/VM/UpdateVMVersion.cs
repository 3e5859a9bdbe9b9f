using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.VM;

/// <summary>Brings the configuration of virtual machines to the newest version. Older ones are read and upgraded by the host itself, so there is never much to do.</summary>
[Command("Update", "VMVersion", DefaultParameterSetName = "Name", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Update-VMVersion web1", "Stores web1 in the newest version.")]
public sealed class UpdateVMVersion : NamedMachineCommand
{
    /// <summary>Do not ask.</summary>
    [Parameter]
    public Switch Force { get; set; }

    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ForEachAsync(context, Machines(context), "Update-VMVersion", async machine =>
    {
        await context.Service<IMachines>().ChangeAsync(
            machine.Id,
            (configuration, status) => status.IsOff
                ? configuration with { FormatVersion = Vireo.Machines.Configuration.VirtualMachineConfiguration.CurrentFormatVersion }
                : throw Errors.State($"The virtual machine '{configuration.Name}' is {status.State}; turn it off to bring it to another version.", configuration.Name),
            context.Cancellation);
        if (Passthru)
        {
            WriteMachine(context, machine.Id);
        }
    });
}
