using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Gets the extensions of switches, in order, with what they have done.</summary>
[Command("Get", "VMSwitchExtension", DefaultParameterSetName = "SwitchName")]
[OutputType(typeof(VMSwitchExtension))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name")]
[Example("Get-VMSwitchExtension inside", "Shows the extensions of the switch inside.")]
[Example("Get-VMSwitch | Get-VMSwitchExtension -Name sFlow", "Shows where sFlow is enabled.")]
public sealed class GetVMSwitchExtension : ExtensionCommand
{
    /// <summary>Names of extensions; wildcards are allowed.</summary>
    [Parameter(Position = 1)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Names of switches; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "SwitchName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMSwitchName { get; set; }

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
        foreach (var on in SwitchRules.Resolve(context, VMSwitchName, VMSwitch))
        {
            foreach (var one in await mapper.OnSwitchAsync(on, context))
            {
                if (Name is null || Name.Any(name => Wildcard.Matches(name, one.Name)))
                {
                    context.WriteObject(one);
                }
            }
        }
    }
}
