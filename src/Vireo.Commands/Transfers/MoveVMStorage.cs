using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Transfers;

/// <summary>
/// Moves the disks, the configuration and the checkpoints of a virtual machine to other folders. A machine that runs goes on meanwhile. Until the last
/// step everything is where it was, and the move may be given up; what lies at the old place is deleted afterwards.
/// </summary>
[Command("Move", "VMStorage", DefaultParameterSetName = "NameSingleDestination", SupportsShouldProcess = true, SupportsAsJob = true)]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, a disk is none of the machine's, or a table of -Vhds has other entries than SourceFilePath and DestinationFilePath")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is exported or moved already, or its checkpoints cannot be merged")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "a file of that name is there already")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "another program writes to a disk")]
[CommandError("ParentNotFound", ErrorCategory.ObjectNotFound, "a parent of a disk is missing")]
[CommandError("OutOfDiskSpace", ErrorCategory.ResourceUnavailable, "there is no room at the new place")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "a disk is damaged, the storage failed, or the machine was turned off meanwhile")]
[Example("Move-VMStorage web1 -DestinationStoragePath /srv/fast/web1", "Moves everything of web1 into one folder.")]
[Example("Move-VMStorage web1 -Vhds @{SourceFilePath=\"/srv/web1.vhdx\"; DestinationFilePath=\"/fast/web1.vhdx\"}, @{SourceFilePath=\"/srv/data.vhdx\"; DestinationFilePath=\"/big/data.vhdx\"}", "Moves two disks, each to its own place.")]
[Example("Move-VMStorage web1 -VirtualMachinePath /srv/web1 -SnapshotFilePath /srv/web1", "Moves the configuration and what checkpoints keep beside the disks.")]
public sealed class MoveVMStorage : MachineCommand
{
    /// <summary>Name of the virtual machine.</summary>
    [Parameter(ParameterSetName = "NameSingleDestination", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "NameMultipleDestinations", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Alias("VMName")]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>The virtual machine.</summary>
    [Parameter(ParameterSetName = "VMSingleDestination", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "VMMultipleDestinations", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    public VirtualMachine? VM { get; set; }

    /// <summary>Folder for everything: disks go below it into 'Virtual Hard Disks'.</summary>
    [Parameter(ParameterSetName = "NameSingleDestination", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "VMSingleDestination", Position = 1, Mandatory = true)]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? DestinationStoragePath { get; set; }

    /// <summary>Folder for the configuration.</summary>
    [Parameter(ParameterSetName = "NameMultipleDestinations")]
    [Parameter(ParameterSetName = "VMMultipleDestinations")]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? VirtualMachinePath { get; set; }

    /// <summary>Folder for what checkpoints keep beside the disks.</summary>
    [Parameter(ParameterSetName = "NameMultipleDestinations")]
    [Parameter(ParameterSetName = "VMMultipleDestinations")]
    [Alias("CheckpointFileLocation", "SnapshotFileLocation")]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? SnapshotFilePath { get; set; }

    /// <summary>Folder for the smart paging file.</summary>
    [Parameter(ParameterSetName = "NameMultipleDestinations")]
    [Parameter(ParameterSetName = "VMMultipleDestinations")]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? SmartPagingFilePath { get; set; }

    /// <summary>Disks, each as a table with SourceFilePath and DestinationFilePath; the others stay. What checkpoints made goes along with its disk.</summary>
    [Parameter(ParameterSetName = "NameMultipleDestinations")]
    [Parameter(ParameterSetName = "VMMultipleDestinations")]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public TextMap[]? Vhds { get; set; }

    /// <summary>Leave the disks where they were as well.</summary>
    [Parameter]
    public Switch RetainVhdCopiesOnSource { get; set; }

    /// <summary>Delete parents too that no drive of the machine names, unless another machine of the host stands on them.</summary>
    [Parameter]
    public Switch RemoveSourceUnmanagedVhds { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "NameSingleDestination")]
    [Parameter(ParameterSetName = "NameMultipleDestinations")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var request = Request();
        foreach (var machine in Resolve(context, Name is null ? null : [Name], VM is null ? null : [VM]))
        {
            if (await context.ShouldProcessAsync(machine.Name, "Move-VMStorage"))
            {
                await GuardAsync(context, () => context.Service<IStorageMoves>().MoveAsync(
                    machine.Id, request, (status, percent) => context.WriteProgress($"Moving the storage of '{machine.Name}'", status, percent), context.Cancellation));
            }
        }
    }

    private StorageMoveRequest Request()
    {
        var disks = DiskPlaces.Of(Vhds);
        if (DestinationStoragePath is null && VirtualMachinePath is null && SnapshotFilePath is null && SmartPagingFilePath is null && disks.Count == 0)
        {
            throw Errors.Invalid("Nothing is to be moved: name -DestinationStoragePath, or -Vhds or one of the folders.", nameof(DestinationStoragePath));
        }

        return new StorageMoveRequest
        {
            DestinationPath = DiskPlaces.Folder(DestinationStoragePath),
            VirtualMachinePath = DiskPlaces.Folder(VirtualMachinePath),
            SnapshotFilePath = DiskPlaces.Folder(SnapshotFilePath),
            SmartPagingFilePath = DiskPlaces.Folder(SmartPagingFilePath),
            Disks = disks,
            RetainSources = RetainVhdCopiesOnSource,
            RemoveUnmanaged = RemoveSourceUnmanagedVhds,
        };
    }
}
