using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Gets the settings that installed extensions offer for ports, with their defaults: templates to change and add.</summary>
[Command("Get", "VMSystemSwitchExtensionPortFeature")]
[OutputType(typeof(VMSwitchExtensionPortFeature))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no extension has the name")]
[Example("Get-VMSystemSwitchExtensionPortFeature -ExtensionName sFlow", "Shows what can be set.")]
public sealed class GetVMSystemSwitchExtensionPortFeature : GetSystemExtensionFeatureCommand
{
    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var mapper = await ExtensionMapper.CreateAsync(context);
        foreach (var feature in Extensions(mapper).SelectMany(mapper.PortTemplates))
        {
            if (IsAmong(feature.Id, feature.Name, FeatureId, FeatureName))
            {
                context.WriteObject(feature);
            }
        }
    }
}
