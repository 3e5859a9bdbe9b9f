using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.Groups;

/// <summary>Takes virtual machines, or groups, out of a group.</summary>
[Command("Remove", "VMGroupMember", DefaultParameterSetName = "VM Using Name", SupportsShouldProcess = true)]
[OutputType(typeof(VMGroup))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such group")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the group does not hold the member")]
[Example("Get-VM web1 | Remove-VMGroupMember web", "Takes web1 out of the group web.")]
public sealed class RemoveVMGroupMember : GroupMemberCommand
{
    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var members = Members(context);
        return ChangeAsync(context, "Remove-VMGroupMember", (group, _) => members.Except(group.Members).Any()
            ? throw Errors.Invalid($"The group '{group.Name}' does not hold all of these members.", group.Name)
            : group with { Members = [.. group.Members.Except(members)] });
    }
}
