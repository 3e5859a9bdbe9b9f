using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Switches;

/// <summary>Creates virtual switches.</summary>
[Command("New", "VMSwitch", DefaultParameterSetName = "NetAdapterName", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitch))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a value cannot be used, or the network interface does not exist")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "several uplinks are given")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "the network interface is the uplink of another switch")]
[CommandError("Unspecified", ErrorCategory.NotSpecified, "the switch could not be made for another reason")]
[Example("New-VMSwitch inside -SwitchType Private", "Creates a switch for virtual machines only.")]
[Example("New-VMSwitch outside -NetAdapterName eth0", "Creates a switch whose uplink is eth0.")]
public sealed class NewVMSwitch : MachineCommand
{
    /// <summary>Name.</summary>
    [Parameter(Position = 0, Mandatory = true)]
    [Alias("SwitchName")]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>Private or internal.</summary>
    [Parameter(ParameterSetName = "SwitchType", Mandatory = true)]
    [ValidateSet("Internal", "Private")]
    public VMSwitchType? SwitchType { get; set; }

    /// <summary>Network interface that becomes the uplink.</summary>
    [Parameter(ParameterSetName = "NetAdapterName", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("InterfaceAlias")]
    [ValidateNotNullOrEmpty]
    public string[]? NetAdapterName { get; set; }

    /// <summary>Description of the network interface that becomes the uplink.</summary>
    [Parameter(ParameterSetName = "NetAdapterInterfaceDescription", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("InterfaceDescription")]
    [ValidateNotNullOrEmpty]
    public string[]? NetAdapterInterfaceDescription { get; set; }

    /// <summary>Give the management operating system an adapter on the switch; the default.</summary>
    [Parameter(ParameterSetName = "NetAdapterName")]
    [Parameter(ParameterSetName = "NetAdapterInterfaceDescription")]
    public bool? AllowManagementOS { get; set; }

    /// <summary>How the minimum bandwidth of its adapters is given: by weights (the default), in bits per second, or not at all.</summary>
    [Parameter]
    public VMSwitchBandwidthMode? MinimumBandwidthMode { get; set; }

    /// <summary>Free text.</summary>
    [Parameter]
    public string? Notes { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        SwitchRules.RequireName(Name);
        var uplink = SwitchType is null ? await SwitchRules.UplinkAsync(context, NetAdapterName, NetAdapterInterfaceDescription, except: null) : null;
        var type = SwitchType ?? VMSwitchType.External;
        var configuration = new SwitchConfiguration
        {
            Id = Guid.NewGuid(),
            Name = Name,
            SwitchType = type,
            Notes = Notes ?? "",
            NetAdapterName = uplink,
            MinimumBandwidthMode = MinimumBandwidthMode ?? VMSwitchBandwidthMode.Default,
            ManagementAdapters = type == VMSwitchType.Internal || (type == VMSwitchType.External && AllowManagementOS != false) ? [SwitchRules.ManagementAdapter(Name)] : [],
        };
        if (await context.ShouldProcessAsync(Name, "New-VMSwitch"))
        {
            await context.Service<ISwitches>().CreateAsync(configuration, context.Cancellation);
            context.WriteObject(await SwitchMapper.SwitchAsync(configuration, context));
        }
    }
}
