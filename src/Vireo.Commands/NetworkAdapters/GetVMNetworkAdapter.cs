using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Gets network adapters of virtual machines, or of the management operating system.</summary>
[Command("Get", "VMNetworkAdapter", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMInternalNetworkAdapter))]
[OutputType(typeof(VMNetworkAdapter))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMNetworkAdapter web1", "Shows the adapters of web1 and the addresses its guest reports.")]
[Example("Get-VMSnapshot web1 -Name before | Get-VMNetworkAdapter", "Shows the adapters that web1 had at a checkpoint.")]
[Example("Get-VMNetworkAdapter -ManagementOS", "Shows the adapters of the management operating system.")]
public sealed class GetVMNetworkAdapter : MachineCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>Checkpoint whose adapters are shown: what the machine had then.</summary>
    [Parameter(ParameterSetName = "VMSnapshot", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Alias("VMCheckpoint")]
    [ValidateNotNullOrEmpty]
    public VMSnapshot? VMSnapshot { get; set; }

    /// <summary>All adapters, of machines and of the management operating system.</summary>
    [Parameter(ParameterSetName = "All", Mandatory = true)]
    public Switch All { get; set; }

    /// <summary>Adapters of the management operating system.</summary>
    [Parameter(ParameterSetName = "ManagementOS", Mandatory = true)]
    public Switch ManagementOS { get; set; }

    /// <summary>Name of adapters; wildcards are allowed.</summary>
    [Parameter(Position = 1)]
    [Alias("VMNetworkAdapterName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Switch the adapters are on.</summary>
    [Parameter(ParameterSetName = "ManagementOS")]
    [ValidateNotNullOrEmpty]
    public string? SwitchName { get; set; }

    /// <summary>Only emulated adapters, or only others.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    public bool? IsLegacy { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "All")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (All || ManagementOS)
        {
            WriteManagement(context);
        }

        if (VMSnapshot is { } snapshot && CheckpointFinder.OfObject(context, snapshot) is { } found)
        {
            var then = found.Checkpoint.Machine with { Name = found.Machine.Name };
            foreach (var adapter in then.NetworkAdapters.Where(adapter => Fits(adapter.Name)))
            {
                context.WriteObject(ModelMapper.Adapter(then, adapter, MachineStatus.Off, context));
            }
        }

        if (!ManagementOS)
        {
            var service = context.Service<IMachines>();
            foreach (var machine in All ? service.All : Resolve(context, VMName, VM))
            {
                var status = service.StatusOf(machine.Id);
                foreach (var adapter in machine.NetworkAdapters.Where(adapter => Fits(adapter.Name) && (IsLegacy is null || adapter.IsLegacy == IsLegacy)))
                {
                    context.WriteObject(ModelMapper.Adapter(machine, adapter, status, context));
                }
            }
        }

        return Task.CompletedTask;
    }

    private void WriteManagement(CommandContext context)
    {
        var host = context.Service<IHostSettings>().Facts.Name;
        foreach (var on in context.Service<ISwitches>().All.Where(candidate => SwitchName is null || Wildcard.Matches(SwitchName, candidate.Name)))
        {
            foreach (var adapter in on.ManagementAdapters.Where(adapter => Fits(adapter.Name)))
            {
                context.WriteObject(ModelMapper.ManagementAdapter(on, adapter, host));
            }
        }
    }

    private bool Fits(string name) => Name is null || Wildcard.Matches(Name, name);
}
