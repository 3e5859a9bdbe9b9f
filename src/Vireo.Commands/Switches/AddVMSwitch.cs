using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.Switches;

/// <summary>Adds virtual switches to resource pools of connections.</summary>
[Command("Add", "VMSwitch", DefaultParameterSetName = "NetworkByName")]
[OutputType(typeof(VMSwitch))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name, or no parent pool has it")]
[Example("Add-VMSwitch inside contoso", "Lets adapters of the pool contoso be connected to the switch inside.")]
public sealed class AddVMSwitch : Command
{
    /// <summary>Names; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "NetworkByName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Alias("SwitchName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Switches, as Get-VMSwitch writes them.</summary>
    [Parameter(ParameterSetName = "NetworkByObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMSwitch[]? VMSwitch { get; set; }

    /// <summary>Names of pools.</summary>
    [Parameter(Position = 1, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string[]? ResourcePoolName { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "NetworkByName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var added = SwitchRules.Resolve(context, Name, VMSwitch).Select(static one => one.Id).ToList();
        if (added.Count > 0)
        {
            PoolChanges.Each(context, VMResourcePoolType.Ethernet, ResourcePoolName!, pool => pool with { SwitchIds = [.. pool.SwitchIds.Union(added)] });
        }

        return Task.CompletedTask;
    }
}
