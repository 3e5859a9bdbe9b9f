using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;

namespace Vireo.Commands.ConnectAccess;

/// <summary>Lets users connect to the consoles of virtual machines no longer; consoles that they have open are closed.</summary>
[Command("Revoke", "VMConnectAccess", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMConnectAce))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[Example("Revoke-VMConnectAccess web1 -UserName alice", "Lets alice connect to the consoles of web1 no longer.")]
public sealed class RevokeVMConnectAccess : ChangeConnectAccessCommand
{
    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ChangeAsync(
        context,
        "Revoke-VMConnectAccess",

        // One whom the host does not know any more is taken off the list all the same.
        user => FindUser(context, user) ?? user,
        static (users, fewer) => [.. users.Except(fewer, StringComparer.Ordinal)]);
}
