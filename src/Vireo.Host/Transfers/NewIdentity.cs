using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>New identities for a machine, its devices and its checkpoints, so that it can be beside the one that it was copied from.</summary>
internal static class NewIdentity
{
    /// <summary>Gives them, and says which are new for which. Dynamic MAC addresses are drawn anew when the machine starts; static ones stay.</summary>
    public static (VirtualMachineConfiguration Machine, IReadOnlyDictionary<Guid, Guid> Ids) Give(VirtualMachineConfiguration machine) => Give(machine, static _ => true);

    /// <summary>Gives new ones only where the old ones are taken.</summary>
    public static (VirtualMachineConfiguration Machine, IReadOnlyDictionary<Guid, Guid> Ids) Give(VirtualMachineConfiguration machine, Func<Guid, bool> isTaken)
    {
        var ids = new Dictionary<Guid, Guid>();
        var id = New(machine.Id);
        return (Parts(machine) with
        {
            Checkpoints = machine.Checkpoints with
            {
                All = [.. machine.Checkpoints.All.Select(one => one with { Id = New(one.Id), ParentId = one.ParentId is { } parent ? New(parent) : null, Machine = Parts(one.Machine) })],
                CurrentId = machine.Checkpoints.CurrentId is { } current ? New(current) : null,
                Removed = [],
            },
        }, ids);

        VirtualMachineConfiguration Parts(VirtualMachineConfiguration one) => one with
        {
            Id = id,
            Drives = [.. one.Drives.Select(drive => drive with { Id = New(drive.Id) })],
            NetworkAdapters = [.. one.NetworkAdapters.Select(adapter => isTaken(adapter.Id) ? adapter with { Id = New(adapter.Id), MacAddress = adapter.DynamicMacAddress ? "" : adapter.MacAddress } : adapter)],
            FirmwareBootOrder = [.. one.FirmwareBootOrder.Select(New)],
        };

        Guid New(Guid old) => !isTaken(old) ? old : ids.TryGetValue(old, out var known) ? known : ids[old] = Guid.NewGuid();
    }
}
