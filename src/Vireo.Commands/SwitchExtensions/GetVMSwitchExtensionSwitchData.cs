using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Gets what extensions tell about switches while they run.</summary>
[Command("Get", "VMSwitchExtensionSwitchData", DefaultParameterSetName = "SwitchName", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitchExtensionSwitchData))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name")]
[Example("Get-VMSwitchExtensionSwitchData inside", "Shows what the extensions of the switch inside tell.")]
public sealed class GetVMSwitchExtensionSwitchData : ExtensionCommand
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
            foreach (var item in await context.Service<ISwitches>().SwitchDataAsync(on.Id, context.Cancellation))
            {
                if (mapper.IsAmong(item.ExtensionId, Extension, ExtensionName) && IsAmong(item.FeatureId, item.Name, FeatureId, FeatureName))
                {
                    context.WriteObject(mapper.Data(on, item));
                }
            }
        }
    }
}
