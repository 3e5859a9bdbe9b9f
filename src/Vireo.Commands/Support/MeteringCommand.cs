using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Base of the commands that switch metering on or off, or begin a new period.</summary>
public abstract class MeteringCommand : MachineCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public sealed override async Task RunAsync(CommandContext context)
    {
        foreach (var machine in Resolve(context, VMName, VM))
        {
            await GuardAsync(context, () => ApplyAsync(context, machine));
        }
    }

    /// <summary>Does it to one machine.</summary>
    private protected abstract Task ApplyAsync(CommandContext context, VirtualMachineConfiguration machine);
}
