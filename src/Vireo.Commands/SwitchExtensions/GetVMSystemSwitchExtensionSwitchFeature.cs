using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Gets the settings that installed extensions offer for switches, with their defaults: templates to change and add.</summary>
[Command("Get", "VMSystemSwitchExtensionSwitchFeature")]
[OutputType(typeof(VMSwitchExtensionSwitchFeature))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no extension has the name")]
[Example("Get-VMSystemSwitchExtensionSwitchFeature -ExtensionName sFlow", "Shows what can be set.")]
public sealed class GetVMSystemSwitchExtensionSwitchFeature : GetSystemExtensionFeatureCommand
{
    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var mapper = await ExtensionMapper.CreateAsync(context);
        foreach (var feature in Extensions(mapper).SelectMany(mapper.SwitchTemplates))
        {
            if (IsAmong(feature.Id, feature.Name, FeatureId, FeatureName))
            {
                context.WriteObject(feature);
            }
        }
    }
}
