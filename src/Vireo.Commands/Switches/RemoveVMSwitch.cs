using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Switches;

/// <summary>Removes virtual switches, or takes them out of resource pools. Adapters that were on a switch that is removed stay, not connected.</summary>
[Command("Remove", "VMSwitch", DefaultParameterSetName = "Name", SupportsShouldProcess = true)]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
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

    /// <summary>Resource pools to take the switches out of; then the switches stay.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public string[]? ResourcePoolName { get; set; }

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
            if (ResourcePoolName is not null)
            {
                if (await context.ShouldProcessAsync($"{target.Name} in {string.Join(", ", ResourcePoolName)}", "Remove-VMSwitch"))
                {
                    PoolChanges.Each(context, VMResourcePoolType.Ethernet, ResourcePoolName, pool => pool with { SwitchIds = [.. pool.SwitchIds.Where(id => id != target.Id)] });
                }

                continue;
            }

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
