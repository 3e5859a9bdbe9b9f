using System.Collections.Concurrent;
using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Host.Store;
using Vireo.Machines.Configuration;
using Vireo.Platform.Files;

namespace Vireo.Host.Transfers;

/// <summary>
/// Plans of imports, each in a file of <c>planned</c>, so that a report can be gone on with after the host was started again. There are at most
/// <see cref="MaximumPlans"/>; the oldest makes room.
/// </summary>
internal sealed class PlannedMachines
{
    /// <summary>Most plans that are kept.</summary>
    public const int MaximumPlans = 100;

    private static readonly IReadOnlyDictionary<string, string[]> s_noAddresses = new Dictionary<string, string[]>();
    private readonly ConcurrentDictionary<Guid, PlannedImport> _plans = new();
    private readonly Lock _change = new();
    private readonly HashSet<Guid> _held = [];
    private readonly string _folder;

    /// <summary>
    /// Reads the plans; a file that is damaged is no plan, and is deleted: its source is as it was. One of a newer version is left alone.
    /// </summary>
    public PlannedMachines(string stateFolder)
    {
        _folder = Path.Combine(stateFolder, "planned");
        if (!Directory.Exists(_folder))
        {
            return;
        }

        AtomicFile.SweepFolder(_folder);
        foreach (var file in Directory.EnumerateFiles(_folder, "*.json").ToList())
        {
            try
            {
                var plan = JsonFile.Read(file, StoreJson.Default.PlannedImport, static plan => plan.FormatVersion, 1)!;
                _plans[plan.Machine.Id] = plan;
            }
            catch (StateFileException damage)
            {
                if (!damage.IsNewer)
                {
                    AtomicFile.Delete(file);
                }
            }
        }
    }

    /// <summary>All plans.</summary>
    public IReadOnlyList<PlannedImport> All => [.. _plans.Values];

    /// <summary>A plan, or null.</summary>
    public PlannedImport? Find(Guid id) => _plans.GetValueOrDefault(id);

    /// <summary>A plan that must be there.</summary>
    /// <exception cref="Commands.Framework.CommandException">It is gone.</exception>
    public PlannedImport Require(Guid id) => Find(id)
        ?? throw Errors.Invalid($"The plan {id} of an import is gone: it was imported or removed, or too many were made after it. Compare-VM makes a new one.", id);

    /// <summary>What a planned machine is like: off, or saved.</summary>
    public static MachineStatus StatusOf(PlannedImport plan) =>
        new(plan.Machine.HasSavedState ? VMState.Saved : VMState.Off, "Planned", TimeSpan.Zero, 0, 0, 0, null, s_noAddresses);

    /// <summary>
    /// Holds a plan while it is imported: it is neither changed nor dropped before the answer is disposed of, by anybody but <see cref="Complete"/>.
    /// </summary>
    /// <exception cref="Commands.Framework.CommandException">It is gone, or held by somebody else.</exception>
    public IDisposable Hold(Guid id)
    {
        lock (_change)
        {
            RequireFree(Require(id));
            _held.Add(id);
            return new Holding(this, id);
        }
    }

    /// <summary>Forgets a plan that is held, and has become a machine.</summary>
    public void Complete(Guid id)
    {
        lock (_change)
        {
            Remove(id);
        }
    }

    /// <summary>Adds a plan. One of the same file gives way to it.</summary>
    public void Add(PlannedImport plan)
    {
        lock (_change)
        {
            foreach (var old in _plans.Values.Where(old => old.Request.Path == plan.Request.Path).Concat(_plans.Values.Where(old => !_held.Contains(old.Machine.Id)).OrderByDescending(old => old.Made).Skip(MaximumPlans - 1)).ToList())
            {
                Drop(old.Machine.Id);
            }

            Write(plan);
        }
    }

    /// <summary>Changes a planned machine.</summary>
    public VirtualMachineConfiguration Change(Guid id, Func<VirtualMachineConfiguration, MachineStatus, VirtualMachineConfiguration> change)
    {
        lock (_change)
        {
            var plan = Require(id);
            RequireFree(plan);
            var after = change(plan.Machine, StatusOf(plan));
            Write(plan with { Machine = after });
            return after;
        }
    }

    /// <summary>Forgets a plan, if there is one.</summary>
    /// <exception cref="Commands.Framework.CommandException">It is being imported.</exception>
    public void Drop(Guid id)
    {
        lock (_change)
        {
            if (Find(id) is { } plan)
            {
                RequireFree(plan);
            }

            Remove(id);
        }
    }

    /// <summary>A machine without some of its checkpoints, also where they stand on themselves.</summary>
    public static VirtualMachineConfiguration WithoutCheckpoints(VirtualMachineConfiguration machine, IReadOnlySet<Guid> ids)
    {
        var all = machine.Checkpoints.All;
        var parents = all.ToDictionary(one => one.Id, one => one.ParentId);
        return machine with
        {
            Checkpoints = machine.Checkpoints with
            {
                All = [.. all.Where(one => !ids.Contains(one.Id)).Select(one => one with { ParentId = Kept(one.ParentId) })],
                CurrentId = Kept(machine.Checkpoints.CurrentId),
            },
        };

        Guid? Kept(Guid? id)
        {
            for (var steps = 0; id is { } gone && ids.Contains(gone); steps++)
            {
                id = steps > all.Count ? null : parents.GetValueOrDefault(gone);
            }

            return id;
        }
    }

    private void RequireFree(PlannedImport plan)
    {
        if (_held.Contains(plan.Machine.Id))
        {
            throw Errors.State($"The plan of '{plan.Machine.Name}' is being imported; wait for that to end.", plan.Machine.Name);
        }
    }

    private void Remove(Guid id)
    {
        _plans.TryRemove(id, out _);
        AtomicFile.Delete(FileOf(id));
    }

    private void Write(PlannedImport plan)
    {
        Directory.CreateDirectory(_folder);
        JsonFile.Write(FileOf(plan.Machine.Id), plan, StoreJson.Default.PlannedImport);
        _plans[plan.Machine.Id] = plan;
    }

    private string FileOf(Guid id) => Path.Combine(_folder, $"{id:D}.json");

    private sealed class Holding(PlannedMachines plans, Guid id) : IDisposable
    {
        public void Dispose()
        {
            lock (plans._change)
            {
                plans._held.Remove(id);
            }
        }
    }
}
