using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Switches;

/// <summary>Renames a virtual switch.</summary>
[Command("Rename", "VMSwitch", DefaultParameterSetName = "SwitchName", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitch))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name, or the new name cannot be used")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the switch is the default switch")]
[Example("Rename-VMSwitch inside -NewName lab", "Gives the switch inside the name lab.")]
public sealed class RenameVMSwitch : MachineCommand
{
    /// <summary>Name.</summary>
    [Parameter(ParameterSetName = "SwitchName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Alias("SwitchName")]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Switch, as Get-VMSwitch writes it.</summary>
    [Parameter(ParameterSetName = "SwitchObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    public VMSwitch? VMSwitch { get; set; }

    /// <summary>New name.</summary>
    [Parameter(Position = 2, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string NewName { get; set; } = "";

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "SwitchName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the switch to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        SwitchRules.RequireName(NewName);
        foreach (var target in SwitchRules.Resolve(context, Name is null ? null : [Name], VMSwitch is null ? null : [VMSwitch]))
        {
            if (await context.ShouldProcessAsync(target.Name, "Rename-VMSwitch"))
            {
                await GuardAsync(context, async () =>
                {
                    SwitchRules.RequireNotDefault(target, "renamed");
                    var after = await context.Service<ISwitches>().ChangeAsync(target.Id, c => c with { Name = NewName }, context.Cancellation);
                    if (Passthru)
                    {
                        context.WriteObject(await SwitchMapper.SwitchAsync(after, context));
                    }
                });
            }
        }
    }
}
