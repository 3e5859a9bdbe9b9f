using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control.Storage;
using Vireo.Host.History;
using Vireo.Host.Machines;
using Vireo.Host.Store;
using Vireo.Host.Transfers.Checks;
using Vireo.Machines.Configuration;
using Vireo.Machines.Running;

namespace Vireo.Host.Transfers;

/// <summary>Imports machines: plans them, looks at the plans, and makes them machines of the host.</summary>
internal sealed class ImportService(
    MachineService machines, PlannedMachines plans, IStorageControl storage, IHostSettings settings, Func<ISwitches> switches, IGuardian guardian, EventLog events, TimeProvider time) : IImports, IDisposable
{
    // One at a time: two plans may have one machine, or one folder, in mind.
    private readonly SemaphoreSlim _realizing = new(1);
    private readonly ImportFactsReader _facts = new(storage, settings, machines, machines.UnreadableFile, plans, switches, guardian);
    private readonly ImportPlanner _planner = new(
        storage, settings, () => switches().All, id => machines.Find(id) is not null, id => PartsOfOthers(machines.All, id), time);

    /// <inheritdoc/>
    public IReadOnlyList<string> FindConfigurations(string path) => ConfigurationSearch.Find(path);

    /// <inheritdoc/>
    public bool IsRegistered(string configurationFile) =>
        machines.All.Any(machine => string.Equals(Path.ChangeExtension(MachineStore.ConfigurationFile(machine), null), Path.ChangeExtension(configurationFile, null), StringComparison.OrdinalIgnoreCase));

    /// <inheritdoc/>
    public async Task<ImportPlan> PlanAsync(ImportRequest request, CancellationToken cancellation)
    {
        // A new look at a file begins anew, so that what is left of the last one is not in its way.
        foreach (var old in plans.All.Where(old => old.Request.Path == request.Path))
        {
            plans.Drop(old.Machine.Id);
        }

        var (plan, problems) = await _planner.PlanAsync(request, cancellation);
        if (plan is null)
        {
            return new(request, null, problems);
        }

        plans.Add(plan);
        return await CheckAsync(plan.Machine.Id, cancellation);
    }

    /// <inheritdoc/>
    public async Task<ImportPlan> CheckAsync(Guid plan, CancellationToken cancellation)
    {
        var planned = plans.Require(plan);
        var facts = await _facts.ReadAsync(planned, cancellation);
        return new(planned.Request, planned.Machine, ImportChecks.Run(facts));
    }

    /// <inheritdoc/>
    public async Task<Guid> RealizeAsync(Guid plan, Action<string, int> progress, CancellationToken cancellation)
    {
        await _realizing.WaitAsync(cancellation);
        try
        {
            progress("Checking", 0);
            using var held = plans.Hold(plan);
            var planned = plans.Require(plan);
            var facts = await _facts.ReadAsync(planned, cancellation);
            var errors = ImportChecks.Run(facts).Where(one => one.Facts.Severity == VMCompatibilitySeverity.Error).ToList();
            if (errors.Count > 0)
            {
                throw CompatibilityMapper.NotCompatible(planned.Machine.Name, errors);
            }

            var layout = facts.Layout;
            var machine = Usable(layout.Machine, facts);
            try
            {
                await machines.RegisterAsync(machine, journal => CopyAsync(planned, layout.Files, journal, progress, cancellation));
            }
            catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
            {
                var isFull = Platform.Files.AtomicFile.IsOutOfSpace(refused);
                throw new CommandException(
                    isFull ? "OutOfDiskSpace" : "OperationFailed", isFull ? ErrorCategory.ResourceUnavailable : ErrorCategory.NotSpecified,
                    $"The virtual machine '{machine.Name}' could not be imported, nothing was changed: {refused.Message}", machine.Name, refused);
            }

            // It is a machine of the host now, whatever fails after.
            plans.Complete(plan);
            events.Write("MachineImported", $"The virtual machine '{machine.Name}' was imported from '{planned.Request.Path}'.", machine.Id);
            await machines.AdoptAsync(machine);
            return machine.Id;
        }
        finally
        {
            _realizing.Release();
        }
    }

    /// <inheritdoc/>
    public void Drop(Guid plan) => plans.Drop(plan);

    /// <inheritdoc/>
    public void Dispose() => _realizing.Dispose();

    private async Task CopyAsync(PlannedImport plan, IReadOnlyList<FileToCopy> files, ImportJournal journal, Action<string, int> progress, CancellationToken cancellation)
    {
        await new FilesToCopy(storage, files, "host.import.copied").RunAsync(
            file => journal.Making(file.Target),
            (file, made) =>
            {
                if (plan.Identities.Count > 0 && file.Target.EndsWith(".state", StringComparison.Ordinal))
                {
                    SavedStateFile.Rename(made, plan.Identities);
                }

                journal.Made(file.Target, made);
            },
            progress, cancellation);
        cancellation.ThrowIfCancellationRequested();
    }

    private static HashSet<Guid> PartsOfOthers(IEnumerable<VirtualMachineConfiguration> all, Guid id) =>
    [
        .. all.Where(machine => machine.Id != id).SelectMany(machine => machine.Drives.Select(drive => drive.Id)
            .Concat(machine.NetworkAdapters.Select(adapter => adapter.Id)).Concat(machine.Checkpoints.All.Select(one => one.Id))),
    ];

    // What is only warned about must not keep the machine from starting: media that are not there, addresses that are somebody else's.
    private static VirtualMachineConfiguration Usable(VirtualMachineConfiguration machine, ImportFacts facts)
    {
        machine = ImportedMedia.Usable(machine, facts);
        var taken = facts.Machines.SelectMany(other => other.NetworkAdapters).Select(adapter => adapter.MacAddress).ToHashSet();
        return machine with
        {
            NetworkAdapters =
            [
                .. machine.NetworkAdapters.Select(adapter => adapter.DynamicMacAddress && adapter.MacAddress.Length > 0
                    && (taken.Contains(adapter.MacAddress) || string.CompareOrdinal(adapter.MacAddress, facts.Settings.MacAddressMinimum) < 0
                        || string.CompareOrdinal(adapter.MacAddress, facts.Settings.MacAddressMaximum) > 0)
                    && !machine.HasSavedState
                    ? adapter with { MacAddress = "" } : adapter),
            ],
        };
    }
}
