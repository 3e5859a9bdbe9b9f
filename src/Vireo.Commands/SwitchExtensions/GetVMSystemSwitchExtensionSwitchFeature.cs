using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Gets the settings that installed extensions offer for switches, with their defaults: templates to change and add.</summary>
[Command("Get", "VMSystemSwitchExtensionSwitchFeature")]
[OutputType(typeof(VMSwitchExtensionSwitchFeature))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no extension has the name")]
[Example("Get-VMSystemSwitchExtensionSwitchFeature -ExtensionName sFlow", "Shows what can be set.")]
public sealed class GetVMSystemSwitchExtensionSwitchFeature : ExtensionCommand
{
    /// <summary>Only of extensions with these names; wildcards are allowed.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? ExtensionName { get; set; }

    /// <summary>Only settings or data with these ids.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public Guid[]? FeatureId { get; set; }

    /// <summary>Only settings or data with these names; wildcards are allowed.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? FeatureName { get; set; }

    /// <summary>Only of these extensions, as Get-VMSystemSwitchExtension writes them.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public VMSystemSwitchExtension[]? SystemSwitchExtension { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var mapper = await ExtensionMapper.CreateAsync(context);
        foreach (var feature in mapper.Find(ExtensionName).Where(one => SystemSwitchExtension is null || SystemSwitchExtension.Any(given => given.Id == one.Id)).SelectMany(mapper.SwitchTemplates))
        {
            if (IsAmong(feature.Id, feature.Name, FeatureId, FeatureName))
            {
                context.WriteObject(feature);
            }
        }
    }
}
