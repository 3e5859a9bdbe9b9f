using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Gets the settings of extensions that ports have.</summary>
[Command("Get", "VMSwitchExtensionPortFeature", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMSwitchExtensionPortFeature))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or there is no such adapter")]
[Example("Get-VMSwitchExtensionPortFeature web1", "Shows what extensions are told about the adapters of web1.")]
public sealed class GetVMSwitchExtensionPortFeature : GetExtensionPortCommand
{
    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var mapper = await ExtensionMapper.CreateAsync(context);
        foreach (var target in Ports(context))
        {
            foreach (var one in target.Features.Where(one => IsWanted(mapper, one.ExtensionId, one.FeatureId, mapper.FeatureName(one.ExtensionId, one.FeatureId))))
            {
                context.WriteObject(mapper.Feature(target, one));
            }
        }
    }
}
