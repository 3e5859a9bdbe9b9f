using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Removes extended access rules from network adapters.</summary>
[Command("Remove", "VMNetworkAdapterExtendedAcl", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMNetworkAdapterExtendedAclSetting))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "there is no such adapter or rule")]
[Example("Get-VMNetworkAdapterExtendedAcl web1 | Remove-VMNetworkAdapterExtendedAcl", "Removes all extended rules of web1.")]
public sealed class RemoveVMNetworkAdapterExtendedAcl : AdapterPolicyCommand
{
    /// <summary>Rules, as Get-VMNetworkAdapterExtendedAcl writes them.</summary>
    [Parameter(ParameterSetName = "InputObjectParameter", Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public VMNetworkAdapterExtendedAclSetting[]? InputObject { get; set; }

    /// <summary>Adapters, as Get-VMNetworkAdapter writes them.</summary>
    [Parameter(ParameterSetName = "ResourceObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMNetworkAdapterBase[]? VMNetworkAdapter { get; set; }

    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

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

    /// <summary>Direction of the rule.</summary>
    [Parameter(ParameterSetName = "VMName", Mandatory = true)]
    [Parameter(ParameterSetName = "VMObject", Mandatory = true)]
    [Parameter(ParameterSetName = "ResourceObject", Mandatory = true)]
    [Parameter(ParameterSetName = "ManagementOS", Mandatory = true)]
    public VMNetworkAdapterExtendedAclDirection? Direction { get; set; }

    /// <summary>Weight of the rule.</summary>
    [Parameter(ParameterSetName = "VMName", Mandatory = true)]
    [Parameter(ParameterSetName = "VMObject", Mandatory = true)]
    [Parameter(ParameterSetName = "ResourceObject", Mandatory = true)]
    [Parameter(ParameterSetName = "ManagementOS", Mandatory = true)]
    public int? Weight { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the setting to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    private protected override bool ReportsMissingAsObjectNotFound => true;

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        if (InputObject is not null)
        {
            foreach (var setting in InputObject)
            {
                await RemoveAsync(context, TargetOf(context, setting), setting.Direction, setting.Weight);
            }

            return;
        }

        await RemoveAsync(context, Targets(context, VMNetworkAdapter, VMNetworkAdapter is null && !ManagementOS ? Resolve(context, VMName, VM) : [], ManagementOS, VMNetworkAdapterName), Direction!.Value, Weight!.Value);
    }

    private async Task RemoveAsync(CommandContext context, IEnumerable<AdapterTarget> targets, VMNetworkAdapterExtendedAclDirection direction, int weight)
    {
        var host = context.Service<IHostSettings>().Facts.Name;
        await ChangePoliciesAsync(context, targets, "Remove-VMNetworkAdapterExtendedAcl", target =>
        {
            var rule = target.Policy.ExtendedAcls.FirstOrDefault(one => one.Weight == weight && one.Direction == direction.ToString())
                ?? throw Errors.Invalid($"The adapter '{target.FullName}' has no extended access rule with the weight {weight} for {direction}.", weight);
            if (Passthru)
            {
                context.WriteObject(AdapterPolicyMapper.ExtendedAcl(target, rule, host));
            }

            return target with { Policy = target.Policy with { ExtendedAcls = [.. target.Policy.ExtendedAcls.Where(one => one != rule)] } };
        });
    }
}
