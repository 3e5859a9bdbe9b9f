using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.VM;

/// <summary>Gets virtual machines.</summary>
[Command("Get", "VM", DefaultParameterSetName = "Name")]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name or the id")]
[Example("Get-VM", "Shows every virtual machine of this host.")]
[Example("Get-VM web*", "Shows the machines whose names begin with web.")]
public sealed class GetVM : MachineCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "Name", Position = 0, ValueFromPipeline = true)]
    [Alias("VMName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Id of a virtual machine.</summary>
    [Parameter(ParameterSetName = "Id", Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public Guid? Id { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "Name")]
    [Parameter(ParameterSetName = "Id")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var machines = context.Service<IMachines>();
        if (Id is { } id)
        {
            var one = machines.Find(id) ?? throw Errors.MachineGone(id);
            context.WriteObject(ModelMapper.Machine(one, machines.StatusOf(id), context));
            return Task.CompletedTask;
        }

        foreach (var machine in Name is null ? machines.All : Resolve(context, Name, null))
        {
            context.WriteObject(ModelMapper.Machine(machine, machines.StatusOf(machine.Id), context));
        }

        return Task.CompletedTask;
    }
}
