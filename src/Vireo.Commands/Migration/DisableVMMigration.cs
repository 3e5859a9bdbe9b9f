using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;

namespace Vireo.Commands.Migration;

/// <summary>Lets no virtual machines come from other hosts any more, nor go there; those on their way arrive.</summary>
[Command("Disable", "VMMigration", DefaultParameterSetName = "ComputerName", SupportsShouldProcess = true)]
[OutputType(typeof(VMHost))]
[CommandError("ConnectionError", ErrorCategory.ConnectionError, "the host cannot be reached")]
[Example("Disable-VMMigration", "Listens for other hosts no longer.")]
public sealed class DisableVMMigration : MigrationSwitchCommand
{
    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => SwitchAsync(context, enabled: false);
}
