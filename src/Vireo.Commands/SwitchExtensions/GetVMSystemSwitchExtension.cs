using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Gets the extensions that are installed on a host.</summary>
[Command("Get", "VMSystemSwitchExtension")]
[OutputType(typeof(VMSystemSwitchExtension))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no extension has the name")]
[Example("Get-VMSystemSwitchExtension", "Shows every installed extension.")]
public sealed class GetVMSystemSwitchExtension : ExtensionCommand
{
    /// <summary>Names of extensions; wildcards are allowed.</summary>
    [Parameter]
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
        var mapper = await ExtensionMapper.CreateAsync(context);
        foreach (var one in mapper.Find(Name))
        {
            context.WriteObject(mapper.System(one));
        }
    }
}
