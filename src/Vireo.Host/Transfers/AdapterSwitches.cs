using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>Which switches of this host the adapters of a machine from elsewhere are on.</summary>
internal static class AdapterSwitches
{
    /// <summary>Each adapter on a switch of the same id, or of the same name when only one has it; one that has neither keeps its switch, which is not there.</summary>
    public static VirtualMachineConfiguration Connect(VirtualMachineConfiguration machine, IReadOnlyList<SwitchConfiguration> switches)
    {
        return Adapters(machine) with
        {
            Checkpoints = machine.Checkpoints with { All = [.. machine.Checkpoints.All.Select(one => one with { Machine = Adapters(one.Machine) })] },
        };

        VirtualMachineConfiguration Adapters(VirtualMachineConfiguration one) => one with
        {
            NetworkAdapters =
            [
                .. one.NetworkAdapters.Select(adapter => adapter.SwitchId is not { } id || switches.Any(found => found.Id == id) ? adapter
                    : switches.Where(found => string.Equals(found.Name, adapter.SwitchName, StringComparison.OrdinalIgnoreCase)).ToList() is [var named] ? adapter with { SwitchId = named.Id }
                    : adapter),
            ],
        };
    }
}
