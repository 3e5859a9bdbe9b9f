using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Base of the commands that show what extensions have to do with ports.</summary>
public abstract class GetExtensionPortCommand : ExtensionPortCommand
{
    /// <summary>Only of these extensions, as Get-VMSwitchExtension writes them.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public VMSwitchExtension[]? Extension { get; set; }

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

    /// <summary>Whether the parameters let it be shown.</summary>
    private protected bool IsWanted(ExtensionMapper mapper, Guid extension, Guid feature, string name) =>
        mapper.IsAmong(extension, Extension, ExtensionName) && IsAmong(feature, name, FeatureId, FeatureName);
}
