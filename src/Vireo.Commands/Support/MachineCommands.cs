using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Finds the machines a command is about, and goes through them so that the failure of one does not stop the others.</summary>
public abstract class MachineCommand : Command
{
    /// <summary>Whether a missing name is reported as the commands that change a machine do.</summary>
    private protected virtual bool ReportsMissingAsObjectNotFound => false;

    /// <summary>Machines of the given names or objects; what is missing is written as an error.</summary>
    private protected List<VirtualMachineConfiguration> Resolve(CommandContext context, string[]? names, VirtualMachine[]? objects)
    {
        var machines = context.Service<IMachines>();
        var found = new List<VirtualMachineConfiguration>();
        foreach (var name in names ?? [])
        {
            var before = found.Count;
            found.AddRange(machines.All.Where(machine => Wildcard.Matches(name, machine.Name)));
            if (found.Count == before && !Wildcard.IsPattern(name))
            {
                context.WriteError(Errors.MachineNotFound(name, ReportsMissingAsObjectNotFound));
            }
        }

        foreach (var machine in objects ?? [])
        {
            if (machines.Find(machine.Id) is { } configuration)
            {
                found.Add(configuration);
            }
            else
            {
                context.WriteError(Errors.MachineGone(machine.Id));
            }
        }

        return found.Count > 1 ? [.. found.DistinctBy(machine => machine.Id)] : found;
    }

    // Most of what a command does to a machine is waiting for its QEMU.
    private const int AtOnceMin = 32;

    /// <summary>
    /// Does <paramref name="action"/> to each machine the caller agrees to, many at a time; errors are written and do not stop the rest.
    /// </summary>
    private protected static async Task ForEachAsync(
        CommandContext context, IReadOnlyList<VirtualMachineConfiguration> machines, string actionName, Func<VirtualMachineConfiguration, Task> action)
    {
        var agreed = new List<VirtualMachineConfiguration>();
        foreach (var machine in machines)
        {
            if (await context.ShouldProcessAsync(machine.Name, actionName))
            {
                agreed.Add(machine);
            }
        }

        await Parallel.ForEachAsync(
            agreed,
            new ParallelOptions { CancellationToken = context.Cancellation, MaxDegreeOfParallelism = Math.Max(AtOnceMin, Environment.ProcessorCount * 4) },
            async (machine, _) => await GuardAsync(context, () => action(machine)));
    }

    /// <summary>Runs <paramref name="action"/> and writes its failure as an error of this object only.</summary>
    private protected static async Task GuardAsync(CommandContext context, Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (CommandException error)
        {
            context.WriteError(error);
        }
        catch (Control.ControlException refused)
        {
            context.WriteError(PlaneErrors.ToCommandError(refused));
        }
        catch (Exception unforeseen) when (unforeseen is not OperationCanceledException)
        {
            context.WriteError(context.Translate(unforeseen));
        }
    }

    /// <summary>Machines that part objects belong to, each with the ids of its parts.</summary>
    private protected static List<VirtualMachineConfiguration> Owners(CommandContext context, IEnumerable<VMComponentObject>? parts)
    {
        var service = context.Service<IMachines>();
        var found = new List<VirtualMachineConfiguration>();
        foreach (var id in (parts ?? []).Select(part => part.VMId).Distinct())
        {
            if (service.Find(id) is { } machine)
            {
                found.Add(machine);
            }
            else
            {
                context.WriteError(Errors.MachineGone(id));
            }
        }

        return found;
    }

    /// <summary>Writes the machine as it is now.</summary>
    private protected static void WriteMachine(CommandContext context, Guid id)
    {
        var machines = context.Service<IMachines>();
        if (machines.Find(id) is { } configuration)
        {
            context.WriteObject(ModelMapper.Machine(configuration, machines.StatusOf(id), context));
        }
    }
}

/// <summary>Base of the verbs on machines: <c>-Name</c> or <c>-VM</c>.</summary>
public abstract class NamedMachineCommand : MachineCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "Name", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Alias("VMName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "Name")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>The machines the command is about.</summary>
    private protected List<VirtualMachineConfiguration> Machines(CommandContext context) => Resolve(context, Name, VM);
}

/// <summary>Base of the commands on a part of machines: <c>-VMName</c> or <c>-VM</c>.</summary>
public abstract class MachinePartCommand : MachineCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>The machines the command is about.</summary>
    private protected List<VirtualMachineConfiguration> Machines(CommandContext context) => Resolve(context, VMName, VM);
}
