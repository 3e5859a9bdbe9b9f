using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Commands.ConnectAccess;

/// <summary>Base of the commands that change who may connect to the consoles of machines.</summary>
public abstract class ChangeConnectAccessCommand : ConnectAccessCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Users of the host, by name or by number.</summary>
    [Parameter(Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("UserId", "Sid")]
    [ValidateNotNullOrEmpty]
    public string[] UserName { get; set; } = [];

    /// <summary>Write what was changed to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    private protected override bool ReportsMissingAsObjectNotFound => true;

    /// <summary>Changes the users of each machine, and shows those that it was about.</summary>
    private protected Task ChangeAsync(CommandContext context, string action, Func<string, string> resolve, Func<IReadOnlyList<string>, IReadOnlyList<string>, IReadOnlyList<string>> change)
    {
        var users = UserName.Select(resolve).Distinct(StringComparer.Ordinal).ToList();
        return ForEachAsync(context, Machines(context, VMName), action, async machine =>
        {
            await context.Service<IMachines>().ChangeAsync(
                machine.Id, (c, _) => change(c.ConsoleUsers, users) is var next && next.SequenceEqual(c.ConsoleUsers, StringComparer.Ordinal) ? c : c with { ConsoleUsers = next }, context.Cancellation);
            if (Passthru)
            {
                users.ForEach(user => context.WriteObject(Entry(context, machine, user)));
            }
        });
    }
}
