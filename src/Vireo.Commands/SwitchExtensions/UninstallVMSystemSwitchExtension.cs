using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Removes extensions that no switch has enabled.</summary>
[Command("Uninstall", "VMSystemSwitchExtension", SupportsShouldProcess = true)]
[OutputType(typeof(VMSystemSwitchExtension))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no extension has the name, or it belongs to Vireo")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "a switch has the extension enabled")]
[Example("Uninstall-VMSystemSwitchExtension Marker", "Removes the extension Marker.")]
public sealed class UninstallVMSystemSwitchExtension : ExtensionCommand
{
    /// <summary>Names of extensions; wildcards are allowed.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var one in (await ExtensionMapper.CreateAsync(context)).Find(Name))
        {
            if (await context.ShouldProcessAsync(one.Name, "Uninstall-VMSystemSwitchExtension"))
            {
                await GuardAsync(context, () => context.Service<ISwitches>().RemoveExtensionAsync(one.Id, context.Cancellation));
            }
        }
    }
}
