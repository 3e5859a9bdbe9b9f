using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Gets what extensions tell about ports while they run.</summary>
[Command("Get", "VMSwitchExtensionPortData", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMSwitchExtensionPortData))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or there is no such adapter")]
[Example("Get-VMSwitchExtensionPortData web1 -ExtensionName sFlow", "Shows what sFlow tells about the adapters of web1.")]
public sealed class GetVMSwitchExtensionPortData : GetExtensionPortCommand
{
    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var mapper = await ExtensionMapper.CreateAsync(context);
        foreach (var target in Ports(context))
        {
            foreach (var item in await context.Service<ISwitches>().PortDataAsync(target.PortId, context.Cancellation))
            {
                if (IsWanted(mapper, item.ExtensionId, item.FeatureId, item.Name))
                {
                    context.WriteObject(mapper.Data(target, item));
                }
            }
        }
    }
}
