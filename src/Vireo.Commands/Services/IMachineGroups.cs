namespace Vireo.Commands.Services;

/// <summary>A group of virtual machines, or of groups.</summary>
/// <param name="Id">Identity, for life.</param>
/// <param name="Name">Name; several may share one.</param>
/// <param name="HoldsGroups">It holds groups; else machines.</param>
/// <param name="Members">Ids of what it holds, which may be gone meanwhile.</param>
public sealed record MachineGroup(Guid Id, string Name, bool HoldsGroups, IReadOnlyList<Guid> Members);

/// <summary>The groups of this host. A change is on disk when a call returns.</summary>
public interface IMachineGroups
{
    /// <summary>All groups, by name.</summary>
    IReadOnlyList<MachineGroup> All { get; }

    /// <summary>Adds a group.</summary>
    /// <exception cref="Framework.CommandException">There is one with the id.</exception>
    void Add(MachineGroup group);

    /// <summary>Replaces a group by what <paramref name="change"/> makes of it and of all of them; it refuses by throwing.</summary>
    MachineGroup Change(Guid id, Func<MachineGroup, IReadOnlyList<MachineGroup>, MachineGroup> change);

    /// <summary>Removes a group, also from the groups that hold it; what it held stays.</summary>
    void Remove(Guid id);
}
