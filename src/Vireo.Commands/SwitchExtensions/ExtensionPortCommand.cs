using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Base of the commands about extensions that name ports: of the uplink, of the management operating system, of virtual machines.</summary>
public abstract class ExtensionPortCommand : ExtensionCommand
{
    /// <summary>The port of the uplink.</summary>
    [Parameter(ParameterSetName = "ExternalPort", Mandatory = true)]
    public Switch ExternalPort { get; set; }

    /// <summary>Name of the switch; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "ExternalPort")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? SwitchName { get; set; }

    /// <summary>Adapters of the management operating system.</summary>
    [Parameter(ParameterSetName = "ManagementOS", Mandatory = true)]
    public Switch ManagementOS { get; set; }

    /// <summary>Name of adapters; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "ManagementOS")]
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? VMNetworkAdapterName { get; set; }

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

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "ExternalPort")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>The ports that the parameters name.</summary>
    private protected IReadOnlyList<FeatureTarget> Ports(CommandContext context) => Ports(context, VMNetworkAdapter, VMName, VM, ManagementOS, ExternalPort, SwitchName, VMNetworkAdapterName);
}
