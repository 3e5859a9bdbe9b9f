using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Base of the commands that change settings of extensions which ports have. Settings that were read from a port know it.</summary>
public abstract class ChangePortFeatureCommand : ExtensionCommand
{
    /// <summary>The port of the uplink.</summary>
    [Parameter]
    public Switch ExternalPort { get; set; }

    /// <summary>Adapters of the management operating system.</summary>
    [Parameter]
    public Switch ManagementOS { get; set; }

    /// <summary>Name of the switch; wildcards are allowed.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? SwitchName { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Adapters, as Get-VMNetworkAdapter writes them.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public VMNetworkAdapterBase[]? VMNetworkAdapter { get; set; }

    /// <summary>Name of adapters; wildcards are allowed.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? VMNetworkAdapterName { get; set; }

    /// <summary>Settings, read and changed before.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMSwitchExtensionPortFeature[]? VMSwitchExtensionFeature { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the settings to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <summary>Changes the settings of the ports that the parameters name, or of those that the settings were read from.</summary>
    private protected async Task ChangeAsync(CommandContext context, string action, FeatureChange change)
    {
        if (ManagementOS || ExternalPort || VMName is not null || VM is not null || VMNetworkAdapter is not null)
        {
            await ChangePortsAsync(
                context, Ports(context, VMNetworkAdapter, VMName, VM, ManagementOS, ExternalPort, SwitchName, VMNetworkAdapterName), VMSwitchExtensionFeature ?? [], action, change, Passthru);
            return;
        }

        foreach (var feature in VMSwitchExtensionFeature ?? [])
        {
            await GuardAsync(context, () => ChangePortsAsync(context, PortOf(context, feature), [feature], action, change, Passthru));
        }
    }
}
