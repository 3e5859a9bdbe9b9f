using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>
/// Adds access rules and meters to network adapters, also while they are in use. Of the rules that fit a frame the most specific one decides;
/// of the meters the most specific one counts.
/// </summary>
[Command("Add", "VMNetworkAdapterAcl", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMNetworkAdapterAclSetting))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "an address cannot be used, or there is no such adapter")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "the adapter has the rule already")]
[Example("Add-VMNetworkAdapterAcl web1 -Action Deny -Direction Both -RemoteIPAddress 10.0.0.0/8", "Keeps web1 from the network 10.0.0.0/8.")]
[Example("Add-VMNetworkAdapterAcl web1 -Action Meter -Direction Outbound -RemoteIPAddress 0.0.0.0/0", "Counts what web1 sends by IPv4.")]
public sealed class AddVMNetworkAdapterAcl : AdapterAclCommand
{
    private const int RulesMax = 1024;

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var rules = Rules();
        var host = context.Service<IHostSettings>().Facts.Name;
        var changed = await ChangePoliciesAsync(context, Targets(context), "Add-VMNetworkAdapterAcl", target => Add(target, rules));
        foreach (var target in Passthru ? changed : [])
        {
            foreach (var rule in rules)
            {
                context.WriteObject(AdapterPolicyMapper.Acl(target, rule, [], host));
            }
        }
    }

    private static AdapterTarget Add(AdapterTarget target, IReadOnlyList<AdapterAclConfiguration> rules)
    {
        if (rules.FirstOrDefault(target.Policy.Acls.Contains) is { } twice)
        {
            throw Errors.Exists($"The adapter '{target.FullName}' has the rule {twice.Action} {twice.Direction} {twice.Local ?? twice.Remote ?? "ANY"} already.", target.Name);
        }

        return target.Policy.Acls.Count + rules.Count > RulesMax
            ? throw Errors.Invalid($"An adapter can have at most {RulesMax} access rules; '{target.FullName}' would have {target.Policy.Acls.Count + rules.Count}.", target.Name)
            : target with { Policy = target.Policy with { Acls = [.. target.Policy.Acls, .. rules] } };
    }
}
