using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Switches;

/// <summary>Removes virtual switches. Adapters that were on them stay, not connected.</summary>
[Command("Remove", "VMSwitch", DefaultParameterSetName = "Name", SupportsShouldProcess = true)]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the switch is the default switch")]
[Example("Remove-VMSwitch inside -Force", "Removes the switch inside without asking.")]
public sealed class RemoveVMSwitch : MachineCommand
{
    /// <summary>Names; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "Name", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Alias("SwitchName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Switches, as Get-VMSwitch writes them.</summary>
    [Parameter(ParameterSetName = "SwitchObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMSwitch[]? VMSwitch { get; set; }

    /// <summary>Do not ask.</summary>
    [Parameter]
    public Switch Force { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "Name")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var target in SwitchRules.Resolve(context, Name, VMSwitch))
        {
            if (!await context.ShouldProcessAsync(target.Name, "Remove-VMSwitch")
                || (!Force && !await context.ShouldContinueAsync($"Remove the virtual switch '{target.Name}'? Adapters on it lose their connection.", "Remove-VMSwitch")))
            {
                continue;
            }

            await GuardAsync(context, () =>
            {
                SwitchRules.RequireNotDefault(target, "removed");
                return context.Service<ISwitches>().RemoveAsync(target.Id, context.Cancellation);
            });
        }
    }
}
