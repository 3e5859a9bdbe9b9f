using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Adds extended access rules to network adapters, also while they are in use: by addresses, protocol and ports, with weights.</summary>
[Command("Add", "VMNetworkAdapterExtendedAcl", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMNetworkAdapterExtendedAclSetting))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a value cannot be used, or there is no such adapter")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "the adapter has a rule of that weight and direction already")]
[Example("Add-VMNetworkAdapterExtendedAcl web1 -Action Allow -Direction Inbound -LocalPort 80 -Protocol TCP -Weight 10", "Lets everybody ask web1 for pages.")]
[Example("Add-VMNetworkAdapterExtendedAcl web1 -Action Deny -Direction Inbound -Weight 1", "Keeps everything out that no rule of a greater weight lets in.")]
public sealed class AddVMNetworkAdapterExtendedAcl : ChangeAdapterPolicyCommand
{
    /// <summary>What the rule does.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "VMObject", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "ResourceObject", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "ManagementOS", Position = 1, Mandatory = true)]
    public VMNetworkAdapterExtendedAclAction? Action { get; set; }

    /// <summary>Which frames it is about.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 2, Mandatory = true)]
    [Parameter(ParameterSetName = "VMObject", Position = 2, Mandatory = true)]
    [Parameter(ParameterSetName = "ResourceObject", Position = 2, Mandatory = true)]
    [Parameter(ParameterSetName = "ManagementOS", Position = 2, Mandatory = true)]
    public VMNetworkAdapterExtendedAclDirection? Direction { get; set; }

    /// <summary>Address or prefix of the adapter's side; any when left out.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 3)]
    [Parameter(ParameterSetName = "VMObject", Position = 3)]
    [Parameter(ParameterSetName = "ResourceObject", Position = 3)]
    [Parameter(ParameterSetName = "ManagementOS", Position = 3)]
    [ValidateNotNullOrEmpty]
    public string? LocalIPAddress { get; set; }

    /// <summary>Address or prefix of the other side; any when left out.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 4)]
    [Parameter(ParameterSetName = "VMObject", Position = 4)]
    [Parameter(ParameterSetName = "ResourceObject", Position = 4)]
    [Parameter(ParameterSetName = "ManagementOS", Position = 4)]
    [ValidateNotNullOrEmpty]
    public string? RemoteIPAddress { get; set; }

    /// <summary>Port or range of the adapter's side; any when left out.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 5)]
    [Parameter(ParameterSetName = "VMObject", Position = 5)]
    [Parameter(ParameterSetName = "ResourceObject", Position = 5)]
    [Parameter(ParameterSetName = "ManagementOS", Position = 5)]
    [ValidateNotNullOrEmpty]
    public string? LocalPort { get; set; }

    /// <summary>Port or range of the other side; any when left out.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 6)]
    [Parameter(ParameterSetName = "VMObject", Position = 6)]
    [Parameter(ParameterSetName = "ResourceObject", Position = 6)]
    [Parameter(ParameterSetName = "ManagementOS", Position = 6)]
    [ValidateNotNullOrEmpty]
    public string? RemotePort { get; set; }

    /// <summary>TCP, UDP, ICMP or a number; any when left out.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 7)]
    [Parameter(ParameterSetName = "VMObject", Position = 7)]
    [Parameter(ParameterSetName = "ResourceObject", Position = 7)]
    [Parameter(ParameterSetName = "ManagementOS", Position = 7)]
    [ValidateNotNullOrEmpty]
    public string? Protocol { get; set; }

    /// <summary>The greatest weight that fits decides.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 8, Mandatory = true)]
    [Parameter(ParameterSetName = "VMObject", Position = 8, Mandatory = true)]
    [Parameter(ParameterSetName = "ResourceObject", Position = 8, Mandatory = true)]
    [Parameter(ParameterSetName = "ManagementOS", Position = 8, Mandatory = true)]
    public int? Weight { get; set; }

    /// <summary>Answers to what the rule lets pass may pass too.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [Parameter(ParameterSetName = "ResourceObject")]
    [Parameter(ParameterSetName = "ManagementOS")]
    public bool? Stateful { get; set; }

    /// <summary>Seconds of silence after which they no longer may; 255 when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [Parameter(ParameterSetName = "ResourceObject")]
    [Parameter(ParameterSetName = "ManagementOS")]
    public int? IdleSessionTimeout { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var rule = new AdapterExtendedAclConfiguration(
            Action == VMNetworkAdapterExtendedAclAction.Allow, Direction!.Value.ToString(), Weight!.Value,
            LocalIPAddress is null ? null : AdapterPolicyRules.Network(LocalIPAddress), RemoteIPAddress is null ? null : AdapterPolicyRules.Network(RemoteIPAddress),
            AdapterPolicyRules.Port(LocalPort), AdapterPolicyRules.Port(RemotePort), AdapterPolicyRules.Protocol(Protocol), Stateful == true, IdleSessionTimeout ?? 0);
        var host = context.Service<IHostSettings>().Facts.Name;
        var changed = await ChangePoliciesAsync(context, Targets(context), "Add-VMNetworkAdapterExtendedAcl", target =>
        {
            AdapterPolicyRules.Require(rule, target.Policy, target.FullName);
            return target with { Policy = target.Policy with { ExtendedAcls = [.. target.Policy.ExtendedAcls, rule] } };
        });
        foreach (var target in Passthru ? changed : [])
        {
            context.WriteObject(AdapterPolicyMapper.ExtendedAcl(target, rule, host));
        }
    }
}
