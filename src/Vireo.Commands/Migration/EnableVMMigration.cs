using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;

namespace Vireo.Commands.Migration;

/// <summary>Lets virtual machines come from other hosts, and go there.</summary>
[Command("Enable", "VMMigration", DefaultParameterSetName = "ComputerName", SupportsShouldProcess = true)]
[OutputType(typeof(VMHost))]
[CommandError("ConnectionError", ErrorCategory.ConnectionError, "the host cannot be reached")]
[Example("Enable-VMMigration", "Listens for other hosts from now on, in the networks that 'Get-VMMigrationNetwork' shows.")]
public sealed class EnableVMMigration : MigrationSwitchCommand
{
    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => SwitchAsync(context, enabled: true);
}
