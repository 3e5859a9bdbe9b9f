using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.VM;

/// <summary>Changes virtual machines.</summary>
[Command("Set", "VM", DefaultParameterSetName = "Name", SupportsShouldProcess = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a value cannot be used")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine must be off for the change")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "the setting is not available in this version")]
[Example("Set-VM old1 -DeviceModel Synthetic", "Gives old1, whose guest has the drivers now, virtio disks and adapters.")]
[Example("Set-VM web1 -ProcessorCount 2 -Notes 'front end'", "Gives web1 two processors and a note.")]
public sealed class SetVM : NamedMachineCommand
{
    /// <summary>New name.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? NewVMName { get; set; }

    /// <summary>Free text.</summary>
    [Parameter]
    public string? Notes { get; set; }

    /// <summary>
    /// Devices of SCSI disks and network adapters. <c>Emulated</c> is for a guest without virtio drivers; once it has them, <c>Synthetic</c> is faster.
    /// </summary>
    [Parameter]
    public VMDeviceModel? DeviceModel { get; set; }

    /// <summary>Kind of operating system: <c>Windows</c> keeps the clock in local time and gets Hyper-V's enlightenments where the host has KVM.</summary>
    [Parameter]
    public VMGuestFamily? GuestFamily { get; set; }

    /// <summary>Number of virtual processors.</summary>
    [Parameter]
    public long? ProcessorCount { get; set; }

    /// <summary>Memory at start, in bytes.</summary>
    [Parameter]
    public long? MemoryStartupBytes { get; set; }

    /// <summary>Memory is what it is at start.</summary>
    [Parameter]
    public Switch StaticMemory { get; set; }

    /// <summary>Memory follows demand.</summary>
    [Parameter]
    public Switch DynamicMemory { get; set; }

    /// <summary>Least memory with dynamic memory, in bytes.</summary>
    [Parameter]
    public long? MemoryMinimumBytes { get; set; }

    /// <summary>Most memory with dynamic memory, in bytes.</summary>
    [Parameter]
    public long? MemoryMaximumBytes { get; set; }

    /// <summary>What happens when the host starts.</summary>
    [Parameter]
    public StartAction? AutomaticStartAction { get; set; }

    /// <summary>Seconds to wait before an automatic start.</summary>
    [Parameter]
    [ValidateRange(0, VirtualMachineConfiguration.MaximumStartDelaySeconds)]
    public int? AutomaticStartDelay { get; set; }

    /// <summary>What happens when the host stops.</summary>
    [Parameter]
    public StopAction? AutomaticStopAction { get; set; }

    /// <summary>Kind of checkpoint the machine takes.</summary>
    [Parameter]
    public CheckpointType? CheckpointType { get; set; }

    /// <summary>Take a checkpoint at each start; only <c>$false</c> is possible, since Vireo takes none by itself.</summary>
    [Parameter]
    public bool? AutomaticCheckpointsEnabled { get; set; }

    /// <summary>Folder of checkpoints' files.</summary>
    [Parameter]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? SnapshotFileLocation { get; set; }

    /// <summary>Folder of the smart paging file.</summary>
    [Parameter]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? SmartPagingFilePath { get; set; }

    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    private protected override bool ReportsMissingAsObjectNotFound => true;

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (AutomaticCheckpointsEnabled == true)
        {
            throw Errors.NotSupported("Automatic checkpoints are not available in this version; give -AutomaticCheckpointsEnabled $false.", nameof(AutomaticCheckpointsEnabled));
        }

        if (DynamicMemory && StaticMemory)
        {
            throw Errors.Invalid("Memory is either static or dynamic: give one of -StaticMemory and -DynamicMemory.", nameof(DynamicMemory));
        }

        var facts = context.Service<IHostSettings>().Facts;
        return ForEachAsync(context, Machines(context), "Set-VM", async machine =>
        {
            await context.Service<IMachines>().ChangeAsync(machine.Id, (configuration, status) => Apply(configuration, status, facts), context.Cancellation);
            if (Passthru)
            {
                WriteMachine(context, machine.Id);
            }
        });
    }

    private VirtualMachineConfiguration Apply(VirtualMachineConfiguration c, MachineStatus status, HostFacts facts)
    {
        if (!status.IsOff && ProcessorCount is not null)
        {
            throw Errors.State($"The virtual machine '{c.Name}' is {status.State}; turn it off to change its processors.", c.Name);
        }

        if (!status.IsOff && (DeviceModel is not null || GuestFamily is not null))
        {
            throw Errors.State($"The virtual machine '{c.Name}' is {status.State}; turn it off to change its devices.", c.Name);
        }

        if (SnapshotFileLocation is not null && SnapshotFileLocation != c.SnapshotFileLocation && c.Checkpoints.All.Count > 0)
        {
            throw Errors.State($"The virtual machine '{c.Name}' has checkpoints in '{c.SnapshotFileLocation}'; remove them to keep new ones elsewhere.", c.Name);
        }

        if (SmartPagingFilePath is not null && SmartPagingFilePath != c.SmartPagingFilePath && status.SmartPagingFileInUse)
        {
            throw Errors.State($"The virtual machine '{c.Name}' uses a smart paging file in '{c.SmartPagingFilePath}'; wait until its guest has given its memory back, at most some minutes.", c.Name);
        }

        var changed = c with
        {
            Name = NewVMName ?? c.Name,
            Notes = Notes ?? c.Notes,
            DeviceModel = DeviceModel is { } model ? Enum.Parse<DeviceModel>(model.ToString()) : c.DeviceModel,
            GuestFamily = GuestFamily is { } family ? Enum.Parse<GuestFamily>(family.ToString()) : c.GuestFamily,
            Processor = ProcessorCount is { } count ? c.Processor with { Count = checked((int)Math.Clamp(count, int.MinValue, int.MaxValue)) } : c.Processor,
            Memory = MemoryRules.Apply(
                c, status, new(DynamicMemory ? true : StaticMemory ? false : null, MemoryStartupBytes, MemoryMinimumBytes, MemoryMaximumBytes)).Memory,
            AutomaticStartAction = AutomaticStartAction?.ToString() ?? c.AutomaticStartAction,
            AutomaticStartDelaySeconds = AutomaticStartDelay ?? c.AutomaticStartDelaySeconds,
            AutomaticStopAction = AutomaticStopAction?.ToString() ?? c.AutomaticStopAction,
            CheckpointType = CheckpointType?.ToString() ?? c.CheckpointType,
            SnapshotFileLocation = SnapshotFileLocation ?? c.SnapshotFileLocation,
            SmartPagingFilePath = SmartPagingFilePath ?? c.SmartPagingFilePath,
        };
        MachineValidator.Require(changed, facts, before: c);
        return changed;
    }
}
