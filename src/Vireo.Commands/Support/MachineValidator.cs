using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Checks a whole configuration and says everything that is wrong with it at once.</summary>
public static class MachineValidator
{
    /// <summary>Most virtual processors of a machine.</summary>
    public const int MaximumProcessors = 64;

    /// <summary>Most memory of a machine, in bytes.</summary>
    public const long MaximumMemoryBytes = 1L << 40;

    /// <summary>Least memory of a machine, in bytes.</summary>
    public const long MinimumMemoryBytes = 32L << 20;

    /// <summary>Longest name, in characters.</summary>
    public const int MaximumNameLength = 100;

    /// <summary>Most synthetic network adapters of a machine.</summary>
    public const int MaximumAdapters = 8;

    /// <summary>Most legacy network adapters of a machine.</summary>
    public const int MaximumLegacyAdapters = 4;

    /// <summary>Throws one error that names every problem; those that were there <paramref name="before"/> may stay: a plan is put right step by step.</summary>
    public static void Require(VirtualMachineConfiguration configuration, HostFacts host, VirtualMachineConfiguration? before = null)
    {
        var problems = Problems(configuration, host).ToList();
        if (problems.Count > 0 && before is not null)
        {
            problems = [.. problems.Except(Problems(before, host))];
        }

        if (problems.Count > 0)
        {
            throw Errors.Invalid(string.Join(" ", problems), configuration.Name);
        }
    }

    /// <summary>Every problem, as a sentence.</summary>
    public static IEnumerable<string> Problems(VirtualMachineConfiguration c, HostFacts host)
    {
        ArgumentNullException.ThrowIfNull(c);
        ArgumentNullException.ThrowIfNull(host);
        if (string.IsNullOrWhiteSpace(c.Name) || c.Name.Length > MaximumNameLength || c.Name.Any(char.IsControl))
        {
            yield return $"The name of a virtual machine has 1 to {MaximumNameLength} characters and no control characters.";
        }

        foreach (var problem in MemoryRules.Problems(c.Memory))
        {
            yield return problem;
        }

        var processors = Math.Min(MaximumProcessors, host.LogicalProcessorCount);
        if (c.Processor.Count < 1 || c.Processor.Count > processors)
        {
            yield return $"The number of virtual processors is {c.Processor.Count}; it must be from 1 to {processors} on this host.";
        }

        if (c.Processor.ReservePercent > c.Processor.LimitPercent)
        {
            yield return $"The processor reserve of {c.Processor.ReservePercent} percent is more than the limit of {c.Processor.LimitPercent} percent.";
        }

        if (c.NetworkAdapters.Count(adapter => !adapter.IsLegacy) > MaximumAdapters)
        {
            yield return $"A virtual machine has at most {MaximumAdapters} network adapters.";
        }

        if (c.NetworkAdapters.Count(adapter => adapter.IsLegacy) > MaximumLegacyAdapters)
        {
            yield return $"A virtual machine has at most {MaximumLegacyAdapters} legacy network adapters.";
        }

        foreach (var problem in DriveRules.Problems(c))
        {
            yield return problem;
        }
    }
}
