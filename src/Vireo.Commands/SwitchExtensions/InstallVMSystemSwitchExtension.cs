using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>
/// Installs an extension of switches, or a new version of one, from the folder with its <c>extension.json</c>. Wherever the old version runs the new one
/// takes its place, with its settings and what it knows, while frames pass; when it does not start, the old one stays.
/// </summary>
[Command("Install", "VMSystemSwitchExtension", SupportsShouldProcess = true)]
[OutputType(typeof(VMSystemSwitchExtension))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the folder holds no extension that can be used")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "the new version is of another kind and the old one is enabled")]
[Example("Install-VMSystemSwitchExtension ./publish", "Installs the extension in the folder publish.")]
public sealed class InstallVMSystemSwitchExtension : ExtensionCommand
{
    /// <summary>Folders on the host.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string[]? Path { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var path in Path ?? [])
        {
            if (await context.ShouldProcessAsync(path, "Install-VMSystemSwitchExtension"))
            {
                await GuardAsync(context, async () =>
                {
                    var installed = await context.Service<ISwitches>().InstallExtensionAsync(path, context.Cancellation);
                    context.WriteObject((await ExtensionMapper.CreateAsync(context)).System(installed));
                });
            }
        }
    }
}
