using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Commands.Support;

/// <summary>Switches as objects of the model.</summary>
public static class SwitchMapper
{
    /// <summary>A switch.</summary>
    public static async Task<VMSwitch> SwitchAsync(SwitchConfiguration c, CommandContext context)
    {
        ArgumentNullException.ThrowIfNull(c);
        var uplink = "";
        if (c.NetAdapterName is not null)
        {
            var interfaces = await context.Service<ISwitches>().InterfacesAsync(context.Cancellation);
            uplink = interfaces.FirstOrDefault(candidate => candidate.Name == c.NetAdapterName)?.Description ?? c.NetAdapterName;
        }

        return new VMSwitch
        {
            ComputerName = context.Service<IHostSettings>().Facts.Name,
            Id = c.Id,
            Name = c.Name,
            SwitchType = c.SwitchType,
            Notes = c.Notes,
            NetAdapterName = c.NetAdapterName ?? "",
            NetAdapterInterfaceDescription = uplink,
            NetAdapterInterfaceDescriptions = uplink.Length == 0 ? [] : [uplink],
            BandwidthReservationMode = BandwidthRules.ModeOf(c),
            DefaultFlowMinimumBandwidthAbsolute = BandwidthRules.ModeOf(c) == VMSwitchBandwidthMode.Absolute ? c.DefaultFlowMinimumBandwidth : 0,
            DefaultFlowMinimumBandwidthWeight = BandwidthRules.ModeOf(c) == VMSwitchBandwidthMode.Weight ? c.DefaultFlowMinimumBandwidth : 0,
            AllowManagementOS = c.ManagementAdapters.Count > 0,
        };
    }
}
