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
public sealed class AddVMNetworkAdapterAcl : AdapterPolicyCommand
{
    private const int RulesMax = 1024;

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
        var rules = AclArguments.Rules(Action!.Value, Direction!.Value, LocalIPAddress, RemoteIPAddress, LocalMacAddress, RemoteMacAddress);
        var host = context.Service<IHostSettings>().Facts.Name;
        var changed = await ChangePoliciesAsync(context, Targets(context, VMNetworkAdapter, VMNetworkAdapter is null && !ManagementOS ? Resolve(context, VMName, VM) : [], ManagementOS, VMNetworkAdapterName), "Add-VMNetworkAdapterAcl", target => Add(target, rules));
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
