using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.ConnectAccess;

/// <summary>Gets the users who may connect to the consoles of virtual machines without being administrators.</summary>
[Command("Get", "VMConnectAccess", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMConnectAce))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMConnectAccess web1", "Shows who may connect to the consoles of web1.")]
public sealed class GetVMConnectAccess : ConnectAccessCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed. All when left out.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Users, by name or by number; wildcards are allowed.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("UserId", "Sid")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? UserName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var users = UserName?.Select(user => FindUser(context, user) ?? user).ToList();
        foreach (var machine in Machines(context, VMName ?? (VMId is null ? ["*"] : null)))
        {
            foreach (var user in machine.ConsoleUsers.Where(user => users is null || users.Any(pattern => Wildcard.Matches(pattern, user))))
            {
                context.WriteObject(Entry(context, machine, user));
            }
        }

        return Task.CompletedTask;
    }
}
