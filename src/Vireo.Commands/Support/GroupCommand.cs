using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Commands.Support;

/// <summary>Base of the commands on groups: finds them, and makes objects of them.</summary>
public abstract class GroupCommand : MachineCommand
{
    /// <summary>The groups of a name (wildcards are allowed), of an id, or of objects; all when nothing is given.</summary>
    private protected static List<MachineGroup> Groups(CommandContext context, IReadOnlyList<string>? names, Guid? id, IReadOnlyList<VMGroup>? objects)
    {
        var all = context.Service<IMachineGroups>().All;
        if (names is null && id is null && objects is null)
        {
            return [.. all];
        }

        var found = new List<MachineGroup>();
        foreach (var name in names ?? [])
        {
            var some = all.Where(group => Wildcard.Matches(name, group.Name)).ToList();
            if (some.Count == 0 && !Wildcard.IsPattern(name))
            {
                context.WriteError(new CommandException("ObjectNotFound", ErrorCategory.ObjectNotFound, $"There is no group '{name}'.", name));
            }

            found.AddRange(some);
        }

        foreach (var wanted in (objects ?? []).Select(group => group.InstanceId).Concat(id is { } one ? [one] : Array.Empty<Guid>()))
        {
            if (all.FirstOrDefault(group => group.Id == wanted) is { } group)
            {
                found.Add(group);
            }
            else
            {
                context.WriteError(new CommandException("ObjectNotFound", ErrorCategory.ObjectNotFound, $"There is no group {wanted:D}.", wanted.ToString("D")));
            }
        }

        return [.. found.DistinctBy(group => group.Id)];
    }

    /// <summary>Writes a group with what it holds.</summary>
    private protected static void WriteGroup(CommandContext context, MachineGroup group) => context.WriteObject(Describe(context, group, withGroups: true));

    private static VMGroup Describe(CommandContext context, MachineGroup group, bool withGroups)
    {
        var machines = context.Service<IMachines>();
        return new VMGroup
        {
            ComputerName = context.Service<IHostSettings>().Facts.Name,
            InstanceId = group.Id,
            Name = group.Name,
            GroupType = group.HoldsGroups ? GroupType.ManagementCollectionType : GroupType.VMCollectionType,
            VMMembers = group.HoldsGroups
                ? []
                : [.. group.Members.Select(machines.Find).OfType<Vireo.Machines.Configuration.VirtualMachineConfiguration>().Select(machine => ModelMapper.Machine(machine, machines.StatusOf(machine.Id), context))],
            VMGroupMembers = group.HoldsGroups && withGroups
                ? [.. context.Service<IMachineGroups>().All.Where(other => group.Members.Contains(other.Id)).Select(other => Describe(context, other, withGroups: false))]
                : [],
        };
    }
}

/// <summary>Base of the commands that put members into a group or take them out: exactly one group, and machines or groups.</summary>
public abstract class GroupMemberCommand : GroupCommand
{
    /// <summary>Name of the group.</summary>
    [Parameter(ParameterSetName = "VM Using Name", Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = "VMGroup Using Name", Position = 0, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Id of the group.</summary>
    [Parameter(ParameterSetName = "VM Using ID", Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = "VMGroup Using ID", Position = 0, Mandatory = true)]
    public Guid? Id { get; set; }

    /// <summary>The group.</summary>
    [Parameter(ParameterSetName = "VM Using InputObject", Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = "VMGroup Using InputObject", Position = 0, Mandatory = true)]
    public VMGroup? VMGroup { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter(ParameterSetName = "VM Using Name", Position = 1, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "VM Using ID", Position = 1, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "VM Using InputObject", Position = 1, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>Groups.</summary>
    [Parameter(ParameterSetName = "VMGroup Using Name", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "VMGroup Using ID", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "VMGroup Using InputObject", Position = 1, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public VMGroup[]? VMGroupMember { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VM Using Name")]
    [Parameter(ParameterSetName = "VM Using ID")]
    [Parameter(ParameterSetName = "VMGroup Using Name")]
    [Parameter(ParameterSetName = "VMGroup Using ID")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the group to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <summary>Ids of the members that are named, all of them there.</summary>
    private protected IReadOnlyList<Guid> Members(CommandContext context) => VMGroupMember is null
        ? [.. Resolve(context, null, VM).Select(machine => machine.Id)]
        : [.. Groups(context, null, null, VMGroupMember).Select(group => group.Id)];

    /// <summary>Changes each group that is meant.</summary>
    private protected async Task ChangeAsync(CommandContext context, string action, Func<MachineGroup, IReadOnlyList<MachineGroup>, MachineGroup> change)
    {
        foreach (var group in Groups(context, Name is null ? null : [Name], Id, VMGroup is null ? null : [VMGroup]))
        {
            await GuardAsync(context, async () =>
            {
                if (await context.ShouldProcessAsync(group.Name, action))
                {
                    var after = context.Service<IMachineGroups>().Change(group.Id, change);
                    if (Passthru)
                    {
                        WriteGroup(context, after);
                    }
                }
            });
        }
    }
}
