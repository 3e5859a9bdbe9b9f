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
public sealed class RemoveVMNetworkAdapterExtendedAcl : ChangeAdapterPolicyCommand
{
    /// <summary>Rules, as Get-VMNetworkAdapterExtendedAcl writes them.</summary>
    [Parameter(ParameterSetName = "InputObjectParameter", Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public VMNetworkAdapterExtendedAclSetting[]? InputObject { get; set; }

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

        await RemoveAsync(context, Targets(context), Direction!.Value, Weight!.Value);
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
