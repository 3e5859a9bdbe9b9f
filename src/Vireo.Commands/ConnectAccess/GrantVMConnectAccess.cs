using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.ConnectAccess;

/// <summary>Lets users who are no administrators connect to the consoles of virtual machines, with 'vireo console'.</summary>
[Command("Grant", "VMConnectAccess", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMConnectAce))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine or user has the name")]
[Example("Grant-VMConnectAccess web1 -UserName alice", "Lets alice connect to the consoles of web1.")]
public sealed class GrantVMConnectAccess : ChangeConnectAccessCommand
{
    private const int MostUsers = 1000;

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ChangeAsync(
        context,
        "Grant-VMConnectAccess",
        user => FindUser(context, user) ?? throw Errors.NotFound($"The host has no user '{user}'; see /etc/passwd.", user),
        (users, more) => users.Concat(more).Distinct(StringComparer.Ordinal).ToList() is { Count: <= MostUsers } all
            ? all
            : throw Errors.Invalid($"At most {MostUsers} users can be let in to one virtual machine.", more[0]));
}
