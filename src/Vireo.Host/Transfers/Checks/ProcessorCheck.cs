using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Host.Transfers.Checks;

/// <summary>Virtual processors: their number, their shares, virtualization in the guest.</summary>
internal sealed class ProcessorCheck : IImportCheck
{
    private const int MaximumWeight = 10_000;

    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        var (machine, processor) = (facts.Machine, facts.Machine.Processor);
        if (processor.Count is < 1 or > MachineValidator.MaximumProcessors)
        {
            yield return On(IncompatibilityKind.ProcessorCountLimit, $"The virtual machine '{machine.Name}' has {processor.Count} virtual processors; it can have 1 to {MachineValidator.MaximumProcessors}.", "Set-VMProcessor -Count");
        }
        else if (processor.Count > facts.Host.LogicalProcessorCount)
        {
            yield return On(
                IncompatibilityKind.ProcessorCountHost, $"The virtual machine '{machine.Name}' has {processor.Count} virtual processors and this host has {facts.Host.LogicalProcessorCount}.",
                $"Set-VMProcessor -Count {facts.Host.LogicalProcessorCount}");
        }

        if (processor.ReservePercent is < 0 or > 100 || processor.LimitPercent is < 0 or > 100 || processor.ReservePercent > processor.LimitPercent || processor.RelativeWeight is < 1 or > MaximumWeight)
        {
            yield return On(
                IncompatibilityKind.ProcessorShareRange, $"Reserve {processor.ReservePercent} %, limit {processor.LimitPercent} % or weight {processor.RelativeWeight} of the processors of '{machine.Name}' are out of range.",
                "Set-VMProcessor -Reserve 0 -Maximum 100 -RelativeWeight 100");
        }

        if (processor.ExposeVirtualizationExtensions && !facts.OffersNesting)
        {
            yield return On(
                IncompatibilityKind.NestedVirtualizationUnsupported, $"The virtual machine '{machine.Name}' offers virtualization to its guest, which this host cannot.", "Set-VMProcessor -ExposeVirtualizationExtensions $false");
        }

        static Incompatibility On(IncompatibilityKind kind, string message, string resolution) => new(kind, message, resolution, IncompatibleObject.Processor);
    }
}
