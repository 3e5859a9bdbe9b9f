using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>A checkpoint and the machine it belongs to.</summary>
/// <param name="Machine">The machine.</param>
/// <param name="Checkpoint">The checkpoint.</param>
internal sealed record FoundCheckpoint(VirtualMachineConfiguration Machine, CheckpointConfiguration Checkpoint);

/// <summary>Finds checkpoints by what callers give: names, ids, objects.</summary>
internal static class CheckpointFinder
{
    /// <summary>Those of a machine whose names match; all without a name. A plain name that none has is written as an error.</summary>
    public static IEnumerable<FoundCheckpoint> OfMachine(CommandContext context, VirtualMachineConfiguration machine, string? name)
    {
        var found = machine.Checkpoints.All.Where(one => !one.IsForExport).Where(one => name is null || Wildcard.Matches(name, one.Name)).ToList();
        if (found.Count == 0 && name is not null && !Wildcard.IsPattern(name))
        {
            context.WriteError(NotFound($"The virtual machine '{machine.Name}' has no checkpoint named '{name}'.", name));
        }

        return found.Select(one => new FoundCheckpoint(machine, one));
    }

    /// <summary>The one that an object stands for, or null: then an error was written.</summary>
    public static FoundCheckpoint? OfObject(CommandContext context, VMSnapshot snapshot)
    {
        // Checkpoints of a planned machine are found by it alone: it is not listed.
        var owner = context.Service<IMachines>().Find(snapshot.VMId);
        var found = owner?.Checkpoints.All.FirstOrDefault(one => one.Id == snapshot.Id) is { } checkpoint ? new FoundCheckpoint(owner, checkpoint) : ById(context, snapshot.Id);
        if (found is null)
        {
            context.WriteError(NotFound($"The checkpoint '{snapshot.Name}' of '{snapshot.VMName}' is not there any more.", snapshot.Name));
        }

        return found;
    }

    /// <summary>The one with an id, or null.</summary>
    public static FoundCheckpoint? ById(CommandContext context, Guid id)
    {
        foreach (var machine in context.Service<IMachines>().All)
        {
            if (machine.Checkpoints.All.FirstOrDefault(one => one.Id == id) is { } checkpoint)
            {
                return new FoundCheckpoint(machine, checkpoint);
            }
        }

        return null;
    }

    /// <summary>No such checkpoint.</summary>
    public static CommandException NotFound(string message, string target) => new("InvalidParameter", ErrorCategory.InvalidArgument, message, target);

    /// <summary>Writes it as it is now, if it is still there.</summary>
    public static void Write(CommandContext context, Guid id)
    {
        if (ById(context, id) is { } now)
        {
            context.WriteObject(ModelMapper.Checkpoint(now.Machine, now.Checkpoint, context));
        }
    }
}
