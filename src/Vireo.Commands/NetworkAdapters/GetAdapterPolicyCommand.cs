using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Base of the commands that show what holds at the ports of adapters.</summary>
public abstract class GetAdapterPolicyCommand : AdapterPolicyCommand
{
    /// <summary>Adapters, as Get-VMNetworkAdapter writes them.</summary>
    [Parameter(ParameterSetName = "ResourceObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMNetworkAdapterBase[]? VMNetworkAdapter { get; set; }

    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, ValueFromPipeline = true)]
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

    /// <summary>Adapters of the management operating system.</summary>
    [Parameter(ParameterSetName = "ManagementOS", Mandatory = true)]
    public Switch ManagementOS { get; set; }

    /// <summary>Name of adapters; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? VMNetworkAdapterName { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public sealed override async Task RunAsync(CommandContext context)
    {
        var host = context.Service<IHostSettings>().Facts.Name;
        var targets = VMSnapshot is { } snapshot ? TargetsOf(context, snapshot) : Targets(
            context, VMNetworkAdapter, VMNetworkAdapter is null && !ManagementOS ? Resolve(context, VMName is null && VM is null ? ["*"] : VMName, VM) : [], ManagementOS,
            VMNetworkAdapterName);
        foreach (var target in targets)
        {
            foreach (var shown in await ShowAsync(target, host, context))
            {
                context.WriteObject(shown);
            }
        }
    }

    /// <summary>What is shown of one adapter.</summary>
    private protected abstract ValueTask<IEnumerable<object>> ShowAsync(AdapterTarget target, string host, CommandContext context);
}
