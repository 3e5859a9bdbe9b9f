using Vireo.Machines.Configuration;

namespace Vireo.Host.Store;

/// <summary>
/// A machine that becomes this host's, over hours perhaps. What is made for it is written down first (<see cref="Journal"/>); it counts with
/// <see cref="Commit"/>, which is one step, and everything is taken back by <see cref="GiveUp"/>, or by the next start of a host that did not come to either.
/// </summary>
internal sealed class MachineImport(MachineStore store, ImportJournal journal, Guid id)
{
    /// <summary>What is made.</summary>
    public ImportJournal Journal => journal;

    /// <summary>The machine is this host's, durably, when this returns; when it throws, it may be, and <see cref="MachineStore.IsRegisteredBy"/> tells.</summary>
    public void Commit(VirtualMachineConfiguration machine) => store.CommitImport(machine, journal);

    /// <summary>Takes back what was made, unless the machine is registered.</summary>
    public void GiveUp() => store.GiveUpImport(id);

    /// <summary>Forgets the notes, after it counts.</summary>
    public void End() => store.EndImport(id);
}
