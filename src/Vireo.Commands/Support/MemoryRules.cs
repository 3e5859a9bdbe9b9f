using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Changes of a machine's memory that a command asks for; null leaves a setting.</summary>
internal sealed record MemoryChange(
    bool? Dynamic = null, long? StartupBytes = null, long? MinimumBytes = null, long? MaximumBytes = null, int? BufferPercent = null, int? Priority = null,
    long? MaximumPerNumaNodeBytes = null);

/// <summary>What may be done to a machine's memory, and what its settings may be.</summary>
internal static class MemoryRules
{
    /// <summary>Least spare share of demand, percent.</summary>
    public const int LeastBuffer = 5;

    /// <summary>Largest spare share of demand, percent.</summary>
    public const int LargestBuffer = 2000;

    /// <summary>Applies a change; what a running guest cannot bear is refused.</summary>
    public static VirtualMachineConfiguration Apply(VirtualMachineConfiguration machine, MachineStatus status, MemoryChange change)
    {
        var old = machine.Memory;
        if (!status.IsOff)
        {
            RequirePossible(machine, status, change);
        }

        var startup = change.StartupBytes ?? old.StartupBytes;
        return machine with
        {
            Memory = old with
            {
                StartupBytes = startup,

                // A new machine's minimum is nobody's wish: it gives way.
                MinimumBytes = change.MinimumBytes ?? Math.Max(Math.Min(MachineValidator.MinimumMemoryBytes, old.MinimumBytes), Math.Min(old.MinimumBytes, startup)),
                MaximumBytes = change.MaximumBytes ?? old.MaximumBytes,
                DynamicMemoryEnabled = change.Dynamic ?? old.DynamicMemoryEnabled,
                BufferPercent = change.BufferPercent ?? old.BufferPercent,
                Priority = change.Priority ?? old.Priority,
                MaximumPerNumaNodeBytes = change.MaximumPerNumaNodeBytes ?? old.MaximumPerNumaNodeBytes,
            },
        };
    }

    /// <summary>Everything that is wrong with a machine's memory, as sentences.</summary>
    public static IEnumerable<string> Problems(MemoryConfiguration memory)
    {
        if (!IsSize(memory.StartupBytes))
        {
            yield return $"The startup memory is {memory.StartupBytes} bytes; it must be from 32 MB to 1 TB and a multiple of 2 MB.";
        }

        if (!IsSize(memory.MinimumBytes))
        {
            yield return $"The minimum memory is {memory.MinimumBytes} bytes; it must be from 32 MB to 1 TB and a multiple of 2 MB.";
        }

        if (!IsSize(memory.MaximumBytes))
        {
            yield return $"The maximum memory is {memory.MaximumBytes} bytes; it must be from 32 MB to 1 TB and a multiple of 2 MB.";
        }

        if (memory.MaximumPerNumaNodeBytes is { } node && !IsSize(node))
        {
            yield return $"The most memory of a NUMA node is {node} bytes; it must be from 32 MB to 1 TB and a multiple of 2 MB.";
        }

        if (memory.BufferPercent is < LeastBuffer or > LargestBuffer)
        {
            yield return $"The memory buffer is {memory.BufferPercent} percent; it must be from {LeastBuffer} to {LargestBuffer}.";
        }

        if (memory.Priority is < 0 or > 100)
        {
            yield return $"The memory weight is {memory.Priority}; it must be from 0 to 100.";
        }

        if (memory.DynamicMemoryEnabled && memory.MinimumBytes > memory.StartupBytes)
        {
            yield return $"The minimum memory of {memory.MinimumBytes >> 20} MB is more than the startup memory of {memory.StartupBytes >> 20} MB.";
        }

        if (memory.DynamicMemoryEnabled && memory.MaximumBytes < memory.StartupBytes)
        {
            yield return $"The maximum memory of {memory.MaximumBytes >> 20} MB is less than the startup memory of {memory.StartupBytes >> 20} MB.";
        }
    }

    private static void RequirePossible(VirtualMachineConfiguration machine, MachineStatus status, MemoryChange change)
    {
        var old = machine.Memory;
        var where = $"The virtual machine '{machine.Name}' is {status.State}";
        if (change.Dynamic is { } dynamic && dynamic != old.DynamicMemoryEnabled)
        {
            throw Errors.State($"{where}; turn it off to switch dynamic memory {(dynamic ? "on" : "off")}.", machine.Name);
        }

        if (change.StartupBytes is { } startup && startup != old.StartupBytes)
        {
            throw Errors.State($"{where}; turn it off to change its startup memory.", machine.Name);
        }

        if (change.MaximumPerNumaNodeBytes is { } node && node != old.MaximumPerNumaNodeBytes)
        {
            throw Errors.State($"{where}; turn it off to change its NUMA topology.", machine.Name);
        }

        if (old.DynamicMemoryEnabled && change.MaximumBytes < old.MaximumBytes)
        {
            throw Errors.State($"{where} and may be using up to its maximum memory of {old.MaximumBytes >> 20} MB: while it runs the maximum can only be increased. Turn it off to decrease it.", machine.Name);
        }

        if (old.DynamicMemoryEnabled && change.MinimumBytes > old.MinimumBytes)
        {
            throw Errors.State($"{where} and was promised a minimum memory of {old.MinimumBytes >> 20} MB: while it runs the minimum can only be decreased. Turn it off to increase it.", machine.Name);
        }
    }

    private static bool IsSize(long bytes) => bytes is >= MachineValidator.MinimumMemoryBytes and <= MachineValidator.MaximumMemoryBytes && bytes % (2 << 20) == 0;
}
