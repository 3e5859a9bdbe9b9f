using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Switches;

/// <summary>Changes virtual switches.</summary>
[Command("Set", "VMSwitch", DefaultParameterSetName = "SwitchName_SwitchType", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitch))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name, or a value cannot be used")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "the network interface is the uplink of another switch")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the setting cannot be made on this switch")]
[Example("Set-VMSwitch inside -SwitchType Internal", "Lets the management operating system take part in the switch.")]
public sealed class SetVMSwitch : MachineCommand
{
    /// <summary>Names; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "SwitchName_SwitchType", Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = "SwitchName_NetAdapterName", Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = "SwitchName_NetAdapterInterfaceDescription", Position = 0, Mandatory = true)]
    [Alias("SwitchName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Switches, as Get-VMSwitch writes them.</summary>
    [Parameter(ParameterSetName = "SwitchObject_SwitchType", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "SwitchObject_NetAdapterName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "SwitchObject_NetAdapterInterfaceDescription", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMSwitch[]? VMSwitch { get; set; }

    /// <summary>New type.</summary>
    [Parameter(ParameterSetName = "SwitchName_SwitchType")]
    [Parameter(ParameterSetName = "SwitchObject_SwitchType")]
    public VMSwitchType? SwitchType { get; set; }

    /// <summary>Network interface that becomes the uplink.</summary>
    [Parameter(ParameterSetName = "SwitchName_NetAdapterName", Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = "SwitchObject_NetAdapterName", Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("InterfaceAlias")]
    [ValidateNotNullOrEmpty]
    public string? NetAdapterName { get; set; }

    /// <summary>Description of the network interface that becomes the uplink.</summary>
    [Parameter(ParameterSetName = "SwitchName_NetAdapterInterfaceDescription", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "SwitchObject_NetAdapterInterfaceDescription", Position = 1, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? NetAdapterInterfaceDescription { get; set; }

    /// <summary>The management operating system has an adapter on the switch.</summary>
    [Parameter]
    public bool? AllowManagementOS { get; set; }

    /// <summary>Least bits per second of all adapters without a minimum together, on a switch that gives it in bits; 0 leaves it to the switch.</summary>
    [Parameter]
    public long? DefaultFlowMinimumBandwidthAbsolute { get; set; }

    /// <summary>Weight of all adapters without a minimum together, 1 to 100, on a switch that gives it by weights; 0 leaves it to the switch.</summary>
    [Parameter]
    public long? DefaultFlowMinimumBandwidthWeight { get; set; }

    /// <summary>Free text.</summary>
    [Parameter]
    public string? Notes { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "SwitchName_SwitchType")]
    [Parameter(ParameterSetName = "SwitchName_NetAdapterName")]
    [Parameter(ParameterSetName = "SwitchName_NetAdapterInterfaceDescription")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the switch to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        if (DefaultFlowMinimumBandwidthAbsolute is < 0 or > BandwidthRules.BandwidthMaximum || DefaultFlowMinimumBandwidthWeight is < 0 or > BandwidthRules.WeightMaximum)
        {
            throw Errors.Invalid(
                $"-DefaultFlowMinimumBandwidthAbsolute goes from 0 to {BandwidthRules.BandwidthMaximum} bits a second, -DefaultFlowMinimumBandwidthWeight from 0 to {BandwidthRules.WeightMaximum}.", null);
        }

        var interfaces = DefaultFlowMinimumBandwidthAbsolute > 0 ? await context.Service<ISwitches>().InterfacesAsync(context.Cancellation) : [];
        foreach (var target in SwitchRules.Resolve(context, Name, VMSwitch))
        {
            if (!await context.ShouldProcessAsync(target.Name, "Set-VMSwitch"))
            {
                continue;
            }

            await GuardAsync(context, async () =>
            {
                var uplink = (NetAdapterName ?? NetAdapterInterfaceDescription) is null
                    ? null
                    : await SwitchRules.UplinkAsync(
                        context, NetAdapterName is null ? null : [NetAdapterName], NetAdapterInterfaceDescription is null ? null : [NetAdapterInterfaceDescription], except: target.Id);
                var after = await context.Service<ISwitches>().ChangeAsync(target.Id, c => Apply(context, c, uplink, interfaces), context.Cancellation);
                if (Passthru)
                {
                    context.WriteObject(await SwitchMapper.SwitchAsync(after, context));
                }
            });
        }
    }

    private SwitchConfiguration Apply(CommandContext context, SwitchConfiguration c, string? uplink, IReadOnlyList<HostInterface> interfaces)
    {
        var type = uplink is not null ? VMSwitchType.External : SwitchType ?? c.SwitchType;
        if (type != c.SwitchType || AllowManagementOS is not null)
        {
            SwitchRules.RequireNotDefault(c, "changed this way");
        }

        if (type == VMSwitchType.External && (uplink ?? c.NetAdapterName) is null)
        {
            throw Errors.Invalid($"An external switch needs an uplink; give '{c.Name}' one with -NetAdapterName.", c.Name);
        }

        var management = type switch
        {
            VMSwitchType.Private => false,
            VMSwitchType.Internal => true,
            _ => AllowManagementOS ?? (c.ManagementAdapters.Count > 0 || c.SwitchType != VMSwitchType.External),
        };
        var after = c with
        {
            DefaultFlowMinimumBandwidth = DefaultFlow(c),
            SwitchType = type,
            NetAdapterName = type == VMSwitchType.External ? uplink ?? c.NetAdapterName : null,
            Notes = Notes ?? c.Notes,
            ManagementAdapters = !management ? [] : c.ManagementAdapters.Count > 0 ? c.ManagementAdapters : [SwitchRules.ManagementAdapter(c.Name)],
        };
        BandwidthRules.RequireDefaultFlow(context, after, interfaces);
        return after;
    }

    private long DefaultFlow(SwitchConfiguration c)
    {
        var mode = BandwidthRules.ModeOf(c);
        if ((DefaultFlowMinimumBandwidthAbsolute is not null && mode != VMSwitchBandwidthMode.Absolute)
            || (DefaultFlowMinimumBandwidthWeight is not null && mode != VMSwitchBandwidthMode.Weight))
        {
            throw Errors.Invalid(
                $"The switch '{c.Name}' {BandwidthRules.Takes(mode)}; how it gives it is chosen when it is made, with New-VMSwitch -MinimumBandwidthMode.", c.Name);
        }

        return DefaultFlowMinimumBandwidthAbsolute ?? DefaultFlowMinimumBandwidthWeight ?? c.DefaultFlowMinimumBandwidth;
    }
}
