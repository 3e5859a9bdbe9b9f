using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Gets the settings of extensions that switches have.</summary>
[Command("Get", "VMSwitchExtensionSwitchFeature", DefaultParameterSetName = "SwitchName", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitchExtensionSwitchFeature))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name")]
[Example("Get-VMSwitchExtensionSwitchFeature inside", "Shows what extensions are told about the switch inside.")]
public sealed class GetVMSwitchExtensionSwitchFeature : GetExtensionSwitchCommand
{
    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var mapper = await ExtensionMapper.CreateAsync(context);
        foreach (var on in SwitchRules.Resolve(context, SwitchName, VMSwitch))
        {
            foreach (var one in on.Extensions.SelectMany(one => one.Features).Where(one => IsWanted(mapper, one.ExtensionId, one.FeatureId, mapper.FeatureName(one.ExtensionId, one.FeatureId))))
            {
                context.WriteObject(mapper.Feature(on, one));
            }
        }
    }
}
