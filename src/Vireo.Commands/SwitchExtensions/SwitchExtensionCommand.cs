using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Base of the commands that put extensions into the way of frames, or take them out.</summary>
public abstract class SwitchExtensionCommand : ExtensionCommand
{
    /// <summary>Names of extensions; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "ExtensionName", Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = "ExtensionNameSwitchName", Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = "ExtensionNameSwitchObject", Position = 0, Mandatory = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Names of switches; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "ExtensionNameSwitchName", Position = 1, Mandatory = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMSwitchName { get; set; }

    /// <summary>Switches, as Get-VMSwitch writes them.</summary>
    [Parameter(ParameterSetName = "ExtensionNameSwitchObject", Position = 1, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMSwitch[]? VMSwitch { get; set; }

    /// <summary>Extensions of switches, as Get-VMSwitchExtension writes them.</summary>
    [Parameter(ParameterSetName = "ExtensionObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMSwitchExtension[]? VMSwitchExtension { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "ExtensionName")]
    [Parameter(ParameterSetName = "ExtensionNameSwitchName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Whether they are in the way afterwards.</summary>
    private protected abstract bool Enables { get; }

    /// <inheritdoc/>
    public sealed override Task RunAsync(CommandContext context) => SwitchOnAsync(context, Name, VMSwitchName, VMSwitch, VMSwitchExtension, Enables);
}
