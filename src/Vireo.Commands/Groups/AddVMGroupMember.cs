using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Groups;

/// <summary>Puts virtual machines, or groups, into a group.</summary>
[Command("Add", "VMGroupMember", DefaultParameterSetName = "VM Using Name", SupportsShouldProcess = true)]
[OutputType(typeof(VMGroup))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such group")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the group holds members of the other kind, or would hold itself")]
[Example("Get-VM web1 | Add-VMGroupMember web", "Puts web1 into the group web.")]
public sealed class AddVMGroupMember : GroupMemberCommand
{
    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var members = Members(context);
        return ChangeAsync(context, "Add-VMGroupMember", (group, all) =>
        {
            if (group.HoldsGroups != (VMGroupMember is not null))
            {
                throw Errors.Invalid($"The group '{group.Name}' holds {(group.HoldsGroups ? "groups" : "virtual machines")}.", group.Name);
            }

            if (members.Any(member => member == group.Id || Holds(all, member, group.Id)))
            {
                throw Errors.Invalid($"The group '{group.Name}' would hold itself.", group.Name);
            }

            return group with { Members = [.. group.Members.Union(members)] };
        });
    }

    private static bool Holds(IReadOnlyList<MachineGroup> all, Guid outer, Guid inner) =>
        all.FirstOrDefault(group => group.Id == outer) is { HoldsGroups: true } found && found.Members.Any(member => member == inner || Holds(all, member, inner));
}
