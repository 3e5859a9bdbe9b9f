using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Base of the commands that add and remove access rules and meters.</summary>
public abstract class AdapterAclCommand : ChangeAdapterPolicyCommand
{
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

    /// <summary>The rules that the parameters say, one for each address.</summary>
    private protected IReadOnlyList<AdapterAclConfiguration> Rules() =>
        AclArguments.Rules(Action!.Value, Direction!.Value, LocalIPAddress, RemoteIPAddress, LocalMacAddress, RemoteMacAddress);
}
