using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;
using Vireo.Control.Switching;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Base of the commands that show the settings which installed extensions offer.</summary>
public abstract class GetSystemExtensionFeatureCommand : ExtensionCommand
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

    /// <summary>The installed extensions that the parameters name.</summary>
    private protected IEnumerable<InstalledExtension> Extensions(ExtensionMapper mapper) =>
        mapper.Find(ExtensionName).Where(one => SystemSwitchExtension is null || SystemSwitchExtension.Any(given => given.Id == one.Id));
}
