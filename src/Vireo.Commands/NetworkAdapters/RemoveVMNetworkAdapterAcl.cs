using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Removes access rules and meters from network adapters, with what they have counted.</summary>
[Command("Remove", "VMNetworkAdapterAcl", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMNetworkAdapterAclSetting))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "an address cannot be used, or there is no such adapter or rule")]
[Example("Get-VMNetworkAdapterAcl web1 | Remove-VMNetworkAdapterAcl", "Removes all rules of web1.")]
public sealed class RemoveVMNetworkAdapterAcl : AdapterAclCommand
{
    /// <summary>Rules, as Get-VMNetworkAdapterAcl writes them.</summary>
    [Parameter(ParameterSetName = "InputObjectParameter", Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public VMNetworkAdapterAclSetting[]? InputObject { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        if (InputObject is not null)
        {
            foreach (var setting in InputObject)
            {
                await RemoveAsync(context, TargetOf(context, setting), [RuleOf(setting)]);
            }

            return;
        }

        var rules = Rules();
        await RemoveAsync(context, Targets(context), rules);
    }

    private static AdapterAclConfiguration RuleOf(VMNetworkAdapterAclSetting setting) => new(
        setting.Action.ToString(), setting.Direction.ToString(), setting.LocalAddress == "ANY" ? null : setting.LocalAddress, setting.RemoteAddress == "ANY" ? null : setting.RemoteAddress);

    private async Task RemoveAsync(CommandContext context, IEnumerable<AdapterTarget> targets, IReadOnlyList<AdapterAclConfiguration> rules)
    {
        var host = context.Service<IHostSettings>().Facts.Name;
        var changed = await ChangePoliciesAsync(context, targets, "Remove-VMNetworkAdapterAcl", target =>
        {
            var missing = rules.FirstOrDefault(rule => !target.Policy.Acls.Contains(rule));
            return missing is null
                ? target with { Policy = target.Policy with { Acls = [.. target.Policy.Acls.Where(rule => !rules.Contains(rule))] } }
                : throw Errors.Invalid($"The adapter '{target.FullName}' has no rule {missing.Action} {missing.Direction} {missing.Local ?? missing.Remote ?? "ANY"}.", target.Name);
        });
        foreach (var target in Passthru ? changed : [])
        {
            foreach (var rule in rules)
            {
                context.WriteObject(AdapterPolicyMapper.Acl(target, rule, [], host));
            }
        }
    }
}
