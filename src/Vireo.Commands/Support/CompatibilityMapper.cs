using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Plans of imports as reports.</summary>
public static class CompatibilityMapper
{
    /// <summary>Writes a plan's report.</summary>
    public static void Write(CommandContext context, ImportPlan plan)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(plan);
        var host = context.Service<IHostSettings>().Facts.Name;
        context.WriteObject(new VMCompatibilityReport
        {
            ComputerName = host,
            VM = plan.Machine is { } machine ? ModelMapper.Machine(machine, context.Service<IMachines>().StatusOf(machine.Id), context) : null,
            OperationType = VMCompatibilityOperationType.ImportVirtualMachine,
            Destination = host,
            Path = plan.Request.Path,
            SnapshotPath = plan.Machine?.SnapshotFileLocation ?? plan.Request.SnapshotFilePath ?? "",
            VhdDestinationPath = plan.Request.VhdDestinationPath ?? "",
            VhdSourcePath = plan.Request.VhdSourcePath ?? "",
            Incompatibilities = [.. plan.Incompatibilities.Select(one => Incompatibility(one, plan.Machine, context))],
        });
    }

    /// <summary>Puts out the report of a move to another host.</summary>
    public static void WriteMove(CommandContext context, VirtualMachineConfiguration machine, MoveRequest request, IReadOnlyList<Incompatibility> problems)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(problems);
        context.WriteObject(new VMCompatibilityReport
        {
            ComputerName = context.Service<IHostSettings>().Facts.Name,
            VM = ModelMapper.Machine(machine, context.Service<IMachines>().StatusOf(machine.Id), context),
            OperationType = request.IncludesStorage ? VMCompatibilityOperationType.MoveVirtualMachineAndStorage : VMCompatibilityOperationType.MoveVirtualMachine,
            Destination = request.DestinationHost,
            Path = request.Places.DestinationPath ?? machine.Path,
            SnapshotPath = request.Places.DestinationPath ?? machine.SnapshotFileLocation,
            VhdDestinationPath = request.Places.DestinationPath ?? "",
            VhdSourcePath = "",
            Incompatibilities = [.. problems.Select(one => Incompatibility(one, machine, context))],
        });
    }

    /// <summary>The error of an import that something hinders.</summary>
    public static CommandException NotCompatible(string name, IReadOnlyList<Incompatibility> errors)
    {
        ArgumentNullException.ThrowIfNull(errors);
        return new(
            "InvalidOperation", ErrorCategory.InvalidOperation,
            $"The virtual machine '{name}' was not imported, nothing was changed: {string.Join(" ", errors.Select(one => one.Message))} 'Compare-VM' gives a report on which this can be resolved, 'vireo import' leads through it.",
            name);
    }

    private static VMCompatibilityReportIncompatibility Incompatibility(Incompatibility one, VirtualMachineConfiguration? machine, CommandContext context) => new()
    {
        Message = one.Message,
        MessageId = one.Facts.MessageId,
        Source = machine is null ? null : Source(one, machine, context),
        Name = one.Kind.ToString(),
        Category = one.Facts.Category,
        Severity = one.Facts.Severity,
        Resolution = one.Resolution,
    };

    private static VirtualizationObject? Source(Incompatibility one, VirtualMachineConfiguration c, CommandContext context)
    {
        var facts = context.Service<IHostSettings>().Facts;
        var host = facts.Name;
        var status = context.Service<IMachines>().StatusOf(c.Id);
        return one.Object switch
        {
            IncompatibleObject.Machine => ModelMapper.Machine(c, status, context),
            IncompatibleObject.Memory => ModelMapper.Memory(c, facts),
            IncompatibleObject.Processor => ModelMapper.Processor(c, facts),
            IncompatibleObject.Firmware => ModelMapper.Machine(c, status, context),
            IncompatibleObject.ComPort => ModelMapper.ComPort(c, one.Number, host),
            IncompatibleObject.NetworkAdapter when c.NetworkAdapters.FirstOrDefault(adapter => adapter.Id == one.ObjectId) is { } adapter => ModelMapper.Adapter(c, adapter, status, context),
            IncompatibleObject.Drive when c.Drives.FirstOrDefault(drive => drive.Id == one.ObjectId) is { } drive =>
                drive.Kind == DriveKind.Dvd ? ModelMapper.Dvd(c, drive, host) : ModelMapper.HardDisk(c, drive, host),
            IncompatibleObject.Checkpoint when c.Checkpoints.All.FirstOrDefault(checkpoint => checkpoint.Id == one.ObjectId) is { } checkpoint => ModelMapper.Checkpoint(c, checkpoint, context),
            _ => null,
        };
    }
}
