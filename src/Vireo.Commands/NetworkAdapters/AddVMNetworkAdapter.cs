using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Adds network adapters to virtual machines, or to the management operating system.</summary>
[Command("Add", "VMNetworkAdapter", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMInternalNetworkAdapter))]
[OutputType(typeof(VMNetworkAdapter))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or an address cannot be used")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "the switch does not exist")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Add-VMNetworkAdapter web1 -SwitchName 'Default Switch'", "Gives web1 another adapter.")]
public sealed class AddVMNetworkAdapter : MachineCommand
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

    /// <summary>Add the adapter to the management operating system.</summary>
    [Parameter(ParameterSetName = "ManagementOS")]
    public Switch ManagementOS { get; set; }

    /// <summary>Name of the adapter.</summary>
    [Parameter]
    [Alias("VMNetworkAdapterName")]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Switch to connect it to.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? SwitchName { get; set; }

    /// <summary>Emulate a device that needs no drivers.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    public bool? IsLegacy { get; set; }

    /// <summary>Resource pool that its connection comes from; the switch must be in it.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [ValidateNotNullOrEmpty]
    public string? ResourcePoolName { get; set; }

    /// <summary>Take an address from the host's pool.</summary>
    [Parameter]
    public Switch DynamicMacAddress { get; set; }

    /// <summary>Use this address.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? StaticMacAddress { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the adapter to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (DynamicMacAddress && StaticMacAddress is not null)
        {
            throw Errors.Invalid("-DynamicMacAddress and -StaticMacAddress exclude each other; give one of them.", null);
        }

        var address = StaticMacAddress is null ? null : MacAddresses.Parse(StaticMacAddress);
        return ManagementOS ? ToHostAsync(context, address) : ToMachinesAsync(context, address);
    }

    private async Task ToHostAsync(CommandContext context, string? address)
    {
        var target = SwitchFinder.Single(context, SwitchName ?? throw Errors.Invalid("An adapter of the management operating system needs a switch; give it with -SwitchName.", nameof(SwitchName)));
        if (target.SwitchType == VMSwitchType.Private)
        {
            throw Errors.Invalid($"The switch '{target.Name}' is private; the management operating system cannot be on it.", target.Name);
        }

        if (address is not null)
        {
            MacAddresses.RequireFree(context, address, null);
        }

        var id = Guid.NewGuid();
        var adapter = new ManagementAdapterConfiguration(id, Name ?? target.Name, ManagementInterfaces.NameFor(id), address ?? ManagementInterfaces.AddressFor(id));
        if (await context.ShouldProcessAsync(target.Name, "Add-VMNetworkAdapter"))
        {
            var after = await context.Service<ISwitches>().ChangeAsync(
                target.Id, on => on with { ManagementAdapters = [.. on.ManagementAdapters, adapter] }, context.Cancellation);
            if (Passthru)
            {
                context.WriteObject(ModelMapper.ManagementAdapter(after, adapter, context.Service<IHostSettings>().Facts.Name));
            }
        }
    }

    private Task ToMachinesAsync(CommandContext context, string? address)
    {
        var target = SwitchName is null ? (Guid?)null : SwitchFinder.Single(context, SwitchName).Id;
        var service = context.Service<IMachines>();
        var facts = context.Service<IHostSettings>().Facts;
        return ForEachAsync(context, Resolve(context, VMName, VM), "Add-VMNetworkAdapter", async machine =>
        {
            // The machine before this one may have got it just now.
            if (address is not null)
            {
                MacAddresses.RequireFree(context, address, null);
            }

            var adapter = new NetworkAdapterConfiguration
            {
                Id = Guid.NewGuid(),
                Name = Name ?? (IsLegacy == true ? "Legacy Network Adapter" : "Network Adapter"),
                SwitchId = target,
                IsLegacy = IsLegacy == true,
                MacAddress = address ?? "",
                DynamicMacAddress = address is null,
                ResourcePoolName = ResourcePoolName is null ? null : PoolRules.NameToKeep(context, VMResourcePoolType.Ethernet, ResourcePoolName),
            };
            var after = await service.ChangeAsync(
                machine.Id,
                (c, status) =>
                {
                    if (!status.IsOff)
                    {
                        throw Errors.State($"The virtual machine '{c.Name}' is {status.State}; turn it off to add a network adapter.", c.Name);
                    }

                    var changed = c with { NetworkAdapters = [.. c.NetworkAdapters, adapter] };
                    MachineValidator.Require(changed, facts, before: c);
                    PoolRules.RequireAllowed(changed, context.Service<IResourcePools>(), before: c);
                    return changed;
                },
                context.Cancellation);
            if (Passthru)
            {
                context.WriteObject(ModelMapper.Adapter(after, adapter, service.StatusOf(after.Id), context));
            }
        });
    }
}
