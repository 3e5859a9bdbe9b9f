using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.VM;

/// <summary>Renames virtual machines. Files and ids stay as they are.</summary>
[Command("Rename", "VM", DefaultParameterSetName = "Name", SupportsShouldProcess = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the new name cannot be used")]
[Example("Rename-VM web1 web2", "Gives web1 the name web2.")]
public sealed class RenameVM : NamedMachineCommand
{
    /// <summary>New name.</summary>
    [Parameter(Position = 1, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string NewName { get; set; } = "";

    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    private protected override bool ReportsMissingAsObjectNotFound => true;

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var facts = context.Service<IHostSettings>().Facts;
        return ForEachAsync(context, Machines(context), "Rename-VM", async machine =>
        {
            await context.Service<IMachines>().ChangeAsync(
                machine.Id,
                (configuration, _) =>
                {
                    var renamed = configuration with { Name = NewName };
                    MachineValidator.Require(renamed, facts, before: configuration);
                    return renamed;
                },
                context.Cancellation);
            if (Passthru)
            {
                WriteMachine(context, machine.Id);
            }
        });
    }
}
