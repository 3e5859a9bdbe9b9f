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
public sealed class RemoveVMNetworkAdapterAcl : AdapterPolicyCommand
{
    /// <summary>Rules, as Get-VMNetworkAdapterAcl writes them.</summary>
    [Parameter(ParameterSetName = "InputObjectParameter", Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public VMNetworkAdapterAclSetting[]? InputObject { get; set; }

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

    /// <summary>What the rule does.</summary>
    [Parameter(ParameterSetName = "VMName", Mandatory = true)]
    [Parameter(ParameterSetName = "VMObject", Mandatory = true)]
    [Parameter(ParameterSetName = "ResourceObject", Mandatory = true)]
    [Parameter(ParameterSetName = "ManagementOS", Mandatory = true)]
    public VMNetworkAdapterAclAction? Action { get; set; }

    /// <summary>Which frames it is about.</summary>
    [Parameter(ParameterSetName = "VMName", Mandatory = true)]
    [Parameter(ParameterSetName = "VMObject", Mandatory = true)]
    [Parameter(ParameterSetName = "ResourceObject", Mandatory = true)]
    [Parameter(ParameterSetName = "ManagementOS", Mandatory = true)]
    public VMNetworkAdapterAclDirection? Direction { get; set; }

    /// <summary>Addresses or prefixes of the adapter's side, or ANY; a rule for each.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [Parameter(ParameterSetName = "ResourceObject")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [ValidateNotNullOrEmpty]
    public string[]? LocalIPAddress { get; set; }

    /// <summary>Addresses or prefixes of the other side, or ANY; a rule for each.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [Parameter(ParameterSetName = "ResourceObject")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [ValidateNotNullOrEmpty]
    public string[]? RemoteIPAddress { get; set; }

    /// <summary>Ethernet addresses of the adapter's side, or ANY; a rule for each.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [Parameter(ParameterSetName = "ResourceObject")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [ValidateNotNullOrEmpty]
    public string[]? LocalMacAddress { get; set; }

    /// <summary>Ethernet addresses of the other side, or ANY; a rule for each.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [Parameter(ParameterSetName = "ResourceObject")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [ValidateNotNullOrEmpty]
    public string[]? RemoteMacAddress { get; set; }

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
                await RemoveAsync(context, TargetOf(context, setting), [RuleOf(setting)]);
            }

            return;
        }

        var rules = AclArguments.Rules(Action!.Value, Direction!.Value, LocalIPAddress, RemoteIPAddress, LocalMacAddress, RemoteMacAddress);
        await RemoveAsync(context, Targets(context, VMNetworkAdapter, VMNetworkAdapter is null && !ManagementOS ? Resolve(context, VMName, VM) : [], ManagementOS, VMNetworkAdapterName), rules);
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
