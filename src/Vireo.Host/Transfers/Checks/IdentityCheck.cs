using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Host.Store;

namespace Vireo.Host.Transfers.Checks;

/// <summary>Id, name, generation, and whose the configuration is.</summary>
internal sealed class IdentityCheck : IImportCheck
{
    private const int MaximumMachines = 1024;

    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        var (plan, machine) = (facts.Plan, facts.Machine);
        if (machine.Generation is not (1 or 2))
        {
            yield return new(IncompatibilityKind.GenerationUnsupported, $"The virtual machine '{machine.Name}' is of generation {machine.Generation}; 1 and 2 are known.");
        }

        if (facts.Machines.FirstOrDefault(other => other.Id == plan.FinalId) is { } same)
        {
            var isItself = !plan.Request.Copy && MachineStore.ConfigurationFile(same) == plan.Request.Path;
            yield return isItself
                ? new(IncompatibilityKind.ConfigurationInUse, $"The configuration '{plan.Request.Path}' belongs to the virtual machine '{same.Name}' of this host.", "Compare-VM -Copy -GenerateNewId")
                : new(IncompatibilityKind.IdAlreadyRegistered, $"The virtual machine '{same.Name}' of this host has the same id ({plan.FinalId}).", "Compare-VM -Copy -GenerateNewId, or Remove-VM");
        }
        else if (facts.UnreadableFile(plan.FinalId) is { } file)
        {
            yield return new(
                IncompatibilityKind.UnreadableReplaced,
                $"A virtual machine with the same id ({plan.FinalId}) is registered and could not be read ('{file}'). This one takes its place; what lies there is then no machine of this host.", "Compare-VM -Copy -GenerateNewId, to have both");
        }

        if (facts.Plans.FirstOrDefault(other => other.FinalId == plan.FinalId && other.Machine.Id != machine.Id) is { } stale)
        {
            yield return new(
                IncompatibilityKind.StalePlan, $"Another report, of '{stale.Request.Path}', is about a virtual machine with the same id; import or remove that first.", $"Get-VM -Id {stale.Machine.Id} | Remove-VM -Force");
        }

        if (string.IsNullOrWhiteSpace(machine.Name) || machine.Name.Length > MachineValidator.MaximumNameLength || machine.Name.Any(char.IsControl))
        {
            yield return new(IncompatibilityKind.NameInvalid, $"The name of a virtual machine has 1 to {MachineValidator.MaximumNameLength} characters and no control characters; this one has {machine.Name.Length}.", "Rename-VM");
        }
        else if (facts.Machines.Any(other => string.Equals(other.Name, machine.Name, StringComparison.OrdinalIgnoreCase)))
        {
            yield return new(IncompatibilityKind.NameCollision, $"This host has a virtual machine '{machine.Name}' already; both are told apart by their ids.", "Rename-VM");
        }

        if (facts.Machines.Count >= MaximumMachines)
        {
            yield return new(IncompatibilityKind.HostMachineLimit, $"This host has {facts.Machines.Count} virtual machines; {MaximumMachines} is the most.", "Remove-VM");
        }
    }
}
