using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Transfers;

/// <summary>
/// Moves a virtual machine to another host, whether it runs, is saved, or is off. One that runs goes on meanwhile. It is this host's until the other host
/// has taken it, so whatever fails before leaves it here as it was; its files here are deleted afterwards, where they went along.
/// </summary>
[Command("Move", "VM", DefaultParameterSetName = "NameSingleDestination", SupportsShouldProcess = true, SupportsAsJob = true)]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, a disk is none of the machine's, or the destination is this host")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is paused, is moved or exported already, its checkpoints cannot be merged, or the other host is not heard any more")]
[CommandError("MigrationNotEnabled", ErrorCategory.NotEnabled, "moves to other hosts are not enabled on this host")]
[CommandError("IncompatibleMachine", ErrorCategory.InvalidOperation, "the other host cannot take the machine; Compare-VM says why, one by one")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "the other host has a machine of that id")]
[CommandError("PeerNotFound", ErrorCategory.ObjectNotFound, "there is no trusted host of that name")]
[CommandError("PeerUnreachable", ErrorCategory.ConnectionError, "the other host does not answer, or does not take machines")]
[CommandError("PeerNotTrusted", ErrorCategory.AuthenticationError, "the hosts do not trust each other")]
[CommandError("PeerVersionMismatch", ErrorCategory.ProtocolError, "the hosts have no version of their protocol in common")]
[CommandError("PeerConnectionLost", ErrorCategory.ConnectionError, "the connection to the other host broke")]
[CommandError("OutOfDiskSpace", ErrorCategory.ResourceUnavailable, "there is no room on the other host")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "a disk is damaged, the storage failed, the memory could not be sent, or the machine was turned off meanwhile")]
[Example("Move-VM web1 host2 -IncludeStorage -DestinationStoragePath /srv/web1", "Moves web1 with all its files into a folder of host2.")]
[Example("Move-VM web1 host2", "Moves web1, whose files lie on storage of both hosts.")]
[Example("Move-VM web1 host2 -VirtualMachinePath /srv/web1 -Vhds @{SourceFilePath=\"/srv/web1.vhdx\"; DestinationFilePath=\"/fast/web1.vhdx\"}", "Moves web1, and each file to its own place.")]
public sealed class MoveVM : MachineCommand
{
    /// <summary>Name of the virtual machine.</summary>
    [Parameter(ParameterSetName = "NameSingleDestination", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "NameMultipleDestinations", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>The virtual machine.</summary>
    [Parameter(ParameterSetName = "VMSingleDestination", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "VMMultipleDestinations", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    public VirtualMachine? VM { get; set; }

    /// <summary>The other host: its name, or an address.</summary>
    [Parameter(ParameterSetName = "NameSingleDestination", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "NameMultipleDestinations", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "VMSingleDestination", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "VMMultipleDestinations", Position = 1, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? DestinationHost { get; set; }

    /// <summary>Move all files too: into the folder that is named, or one below the other host's default.</summary>
    [Parameter(ParameterSetName = "NameSingleDestination")]
    [Parameter(ParameterSetName = "VMSingleDestination")]
    public Switch IncludeStorage { get; set; }

    /// <summary>Folder on the other host for everything: disks go below it into 'Virtual Hard Disks'.</summary>
    [Parameter(ParameterSetName = "NameSingleDestination")]
    [Parameter(ParameterSetName = "VMSingleDestination")]
    [ValidateNotNullOrEmpty]
    public string? DestinationStoragePath { get; set; }

    /// <summary>Folder on the other host for the configuration.</summary>
    [Parameter(ParameterSetName = "NameMultipleDestinations")]
    [Parameter(ParameterSetName = "VMMultipleDestinations")]
    [ValidateNotNullOrEmpty]
    public string? VirtualMachinePath { get; set; }

    /// <summary>Folder on the other host for what checkpoints keep beside the disks.</summary>
    [Parameter(ParameterSetName = "NameMultipleDestinations")]
    [Parameter(ParameterSetName = "VMMultipleDestinations")]
    [Alias("CheckpointFileLocation", "SnapshotFileLocation")]
    [ValidateNotNullOrEmpty]
    public string? SnapshotFilePath { get; set; }

    /// <summary>Folder on the other host for the smart paging file.</summary>
    [Parameter(ParameterSetName = "NameMultipleDestinations")]
    [Parameter(ParameterSetName = "VMMultipleDestinations")]
    [ValidateNotNullOrEmpty]
    public string? SmartPagingFilePath { get; set; }

    /// <summary>Disks, each as a table with SourceFilePath and DestinationFilePath on the other host; the others lie on storage of both hosts.</summary>
    [Parameter(ParameterSetName = "NameMultipleDestinations")]
    [Parameter(ParameterSetName = "VMMultipleDestinations")]
    [ValidateNotNullOrEmpty]
    public TextMap[]? Vhds { get; set; }

    /// <summary>Leave the disks on this host as well.</summary>
    [Parameter]
    public Switch RetainVhdCopiesOnSource { get; set; }

    /// <summary>Delete parents too that no drive of the machine names, unless another machine of this host stands on them.</summary>
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
        var request = Request(context);
        foreach (var machine in Resolve(context, Name is null ? null : [Name], VM is null ? null : [VM]))
        {
            if (await context.ShouldProcessAsync(machine.Name, "Move-VM"))
            {
                await GuardAsync(context, () => context.Service<IMachineMoves>().MoveAsync(
                    machine.Id, request, (status, percent) => context.WriteProgress($"Moving '{machine.Name}' to '{DestinationHost}'", status, percent), context.Cancellation));
            }
        }
    }

    private MoveRequest Request(CommandContext context)
    {
        foreach (var path in new[] { DestinationStoragePath, VirtualMachinePath, SnapshotFilePath, SmartPagingFilePath }.OfType<string>().Where(path => !Path.IsPathRooted(path)))
        {
            throw Errors.Invalid($"'{path}' is a folder of the other host: write the whole path, beginning with '/'.", path);
        }

        return new MoveRequest
        {
            DestinationHost = DestinationHost!,
            IncludesStorage = IncludeStorage || DestinationStoragePath is not null,
            Places = new StorageMoveRequest
            {
                DestinationPath = DiskPlaces.Folder(DestinationStoragePath),
                VirtualMachinePath = DiskPlaces.Folder(VirtualMachinePath),
                SnapshotFilePath = DiskPlaces.Folder(SnapshotFilePath),
                SmartPagingFilePath = DiskPlaces.Folder(SmartPagingFilePath),
                Disks = DiskPlaces.Of(Vhds, isElsewhere: true),
                RetainSources = RetainVhdCopiesOnSource,
                RemoveUnmanaged = RemoveSourceUnmanagedVhds,
            },
            Transfer = MigrationTransfers.Of(context.Service<IHostSettings>().Current),
        };
    }
}
