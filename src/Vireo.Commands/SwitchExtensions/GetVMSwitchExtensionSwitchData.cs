using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Gets what extensions tell about switches while they run.</summary>
[Command("Get", "VMSwitchExtensionSwitchData", DefaultParameterSetName = "SwitchName", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitchExtensionSwitchData))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name")]
[Example("Get-VMSwitchExtensionSwitchData inside", "Shows what the extensions of the switch inside tell.")]
public sealed class GetVMSwitchExtensionSwitchData : GetExtensionSwitchCommand
{
    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var mapper = await ExtensionMapper.CreateAsync(context);
        foreach (var on in SwitchRules.Resolve(context, SwitchName, VMSwitch))
        {
            foreach (var item in await context.Service<ISwitches>().SwitchDataAsync(on.Id, context.Cancellation))
            {
                if (IsWanted(mapper, item.ExtensionId, item.FeatureId, item.Name))
                {
                    context.WriteObject(mapper.Data(on, item));
                }
            }
        }
    }
}
