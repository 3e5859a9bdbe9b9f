using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Gets the settings of extensions that switches have.</summary>
[Command("Get", "VMSwitchExtensionSwitchFeature", DefaultParameterSetName = "SwitchName", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitchExtensionSwitchFeature))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name")]
[Example("Get-VMSwitchExtensionSwitchFeature inside", "Shows what extensions are told about the switch inside.")]
public sealed class GetVMSwitchExtensionSwitchFeature : ExtensionCommand
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

    /// <summary>Names of switches; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "SwitchName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? SwitchName { get; set; }

    /// <summary>Switches, as Get-VMSwitch writes them.</summary>
    [Parameter(ParameterSetName = "SwitchObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMSwitch[]? VMSwitch { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "SwitchName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var mapper = await ExtensionMapper.CreateAsync(context);
        foreach (var on in SwitchRules.Resolve(context, SwitchName, VMSwitch))
        {
            foreach (var one in on.Extensions.SelectMany(one => one.Features).Where(one => mapper.IsAmong(one.ExtensionId, Extension, ExtensionName) && IsAmong(one.FeatureId, mapper.FeatureName(one.ExtensionId, one.FeatureId), FeatureId, FeatureName)))
            {
                context.WriteObject(mapper.Feature(on, one));
            }
        }
    }
}
