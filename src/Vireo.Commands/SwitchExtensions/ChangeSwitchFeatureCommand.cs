using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Base of the commands that change settings of extensions which switches have. Settings that were read from a switch know it.</summary>
public abstract class ChangeSwitchFeatureCommand : ExtensionCommand
{
    /// <summary>Names of switches; wildcards are allowed.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? SwitchName { get; set; }

    /// <summary>Switches, as Get-VMSwitch writes them.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public VMSwitch[]? VMSwitch { get; set; }

    /// <summary>Settings, read and changed before.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMSwitchExtensionSwitchFeature[]? VMSwitchExtensionFeature { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the settings to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <summary>Changes the settings of the switches that the parameters name, or of those that the settings were read from.</summary>
    private protected async Task ChangeAsync(CommandContext context, string action, FeatureChange change)
    {
        foreach (var feature in VMSwitchExtensionFeature ?? [])
        {
            await GuardAsync(context, () => ChangeSwitchesAsync(context, SwitchesOf(context, SwitchName, VMSwitch, feature), [feature], action, change, Passthru));
        }
    }
}
