using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Host.Transfers.Checks;

/// <summary>Memory: what the host has, what a machine can have, and whether the values fit together.</summary>
internal sealed class MemoryCheck : IImportCheck
{
    private const long UnitBytes = 2L << 20;

    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        var (machine, memory) = (facts.Machine, facts.Machine.Memory);
        if (memory.StartupBytes is < MachineValidator.MinimumMemoryBytes or > MachineValidator.MaximumMemoryBytes || memory.StartupBytes % UnitBytes != 0)
        {
            yield return On(IncompatibilityKind.MemoryLimit, $"The startup memory of '{machine.Name}' is {memory.StartupBytes} bytes; it must be from 32 MB to 1 TB and a multiple of 2 MB.", "Set-VMMemory -StartupBytes");
        }
        else if (memory.StartupBytes > facts.Host.MemoryCapacityBytes)
        {
            yield return On(
                IncompatibilityKind.MemoryHost, $"The virtual machine '{machine.Name}' starts with {memory.StartupBytes >> 20} MB and this host has {facts.Host.MemoryCapacityBytes >> 20} MB.", "Set-VMMemory -StartupBytes");
        }

        var fits = !memory.DynamicMemoryEnabled
            || (memory.MinimumBytes <= memory.StartupBytes && memory.StartupBytes <= memory.MaximumBytes && memory.BufferPercent is >= 5 and <= 2000);
        if (!fits || memory.Priority is < 0 or > 100)
        {
            yield return On(
                IncompatibilityKind.MemoryRange,
                $"Minimum {memory.MinimumBytes >> 20} MB, startup {memory.StartupBytes >> 20} MB, maximum {memory.MaximumBytes >> 20} MB, buffer {memory.BufferPercent} % and weight {memory.Priority} of the memory of '{machine.Name}' do not fit together.",
                "Set-VMMemory");
        }

        if (!facts.Plan.Request.Copy || facts.Layout.Machine.SmartPagingFilePath != facts.Layout.Machine.Path)
        {
            if (facts.FolderProblem(facts.Layout.Machine.SmartPagingFilePath) is { } problem)
            {
                yield return new(
                    IncompatibilityKind.SmartPagingPath, $"The folder '{facts.Layout.Machine.SmartPagingFilePath}' of the smart paging file of '{machine.Name}' cannot be used: {problem}", "Set-VM -SmartPagingFilePath");
            }
        }

        static Incompatibility On(IncompatibilityKind kind, string message, string resolution) => new(kind, message, resolution, IncompatibleObject.Memory);
    }
}
