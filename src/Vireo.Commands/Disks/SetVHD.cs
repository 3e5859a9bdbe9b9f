using Microsoft.Vhd.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Control.Storage;

namespace Vireo.Commands.Disks;

/// <summary>Changes what a virtual hard disk says of itself: where its parent is, its physical sector size, its identity.</summary>
[Command("Set", "VHD", DefaultParameterSetName = "Parent", SupportsShouldProcess = true, CmdletClass = "Microsoft.Vhd.PowerShell.Cmdlets.SetVhd")]
[OutputType(typeof(VirtualHardDisk))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a file does not exist, or the disk cannot have such a parent")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the disk belongs to a virtual machine that is saved")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "the disk is open")]
[CommandError("ParentNotFound", ErrorCategory.ObjectNotFound, "a parent of the new parent is missing")]
[CommandError("ParentMismatch", ErrorCategory.InvalidData, "the parent is not the disk that the child was made from")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "the format does not have the property")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the disk is damaged or the storage failed")]
[Example("Set-VHD /images/child.vhdx -ParentPath /archive/base.vhdx", "Tells a disk where its parent is now.")]
[Example("Set-VHD /images/base2.avhdx -ParentPath /archive/base.vhdx -LeafPath /images/web1.avhdx", "Tells a disk that a running virtual machine stands on where its parent is now.")]
[Example("Set-VHD /images/data.vhdx -PhysicalSectorSizeBytes 4096", "Shows the guest large physical sectors.")]
public sealed class SetVHD : OneDiskCommand
{
    /// <summary>Its parent.</summary>
    [Parameter(ParameterSetName = "Parent", Position = 1, Mandatory = true)]
    [FilePath(OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string? ParentPath { get; set; }

    /// <summary>Take the parent although it is not the disk that this one was made from. The content may be wrong then.</summary>
    [Parameter(ParameterSetName = "Parent")]
    public Switch IgnoreIdMismatch { get; set; }

    /// <summary>For a disk that is in use: the disk that its virtual machine has, in whose chain it is. The new parent must hold what the old one does.</summary>
    [Parameter(ParameterSetName = "Parent")]
    [FilePath(OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string? LeafPath { get; set; }

    /// <summary>Physical sector size that the guest sees: 512 or 4096.</summary>
    [Parameter(ParameterSetName = "PhysicalSectorSize", Mandatory = true)]
    [ValidateSet("512", "4096")]
    public uint? PhysicalSectorSizeBytes { get; set; }

    /// <summary>Give the disk a new identity.</summary>
    [Parameter(ParameterSetName = "DiskIdentifier", Mandatory = true)]
    public Switch ResetDiskIdentifier { get; set; }

    /// <summary>Do not ask.</summary>
    [Parameter(ParameterSetName = "DiskIdentifier")]
    public Switch Force { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        await GuardAsync(context, async () =>
        {
            RequireFile(Path!);
            if (ParentPath is not null)
            {
                RequireFile(ParentPath);
            }

            if (LeafPath is not null)
            {
                RequireFile(LeafPath);
                RefuseOfSaved(context, LeafPath);
            }

            if (!await context.ShouldProcessAsync(Path!, "Set-VHD")
                || (ResetDiskIdentifier && !Force && !await context.ShouldContinueAsync(
                    $"Give '{Path}' a new identity? Disks that have it as their parent may no longer find it.", "Set-VHD")))
            {
                return;
            }

            var work = ParentPath is not null ? new ImageWork(ImageOperation.SetParent, Path!, OtherPath: ParentPath, IgnoreIdMismatch: IgnoreIdMismatch, LeafPath: LeafPath)
                : PhysicalSectorSizeBytes is { } bytes ? new ImageWork(ImageOperation.SetPhysicalSectorSize, Path!, SizeBytes: bytes)
                : new ImageWork(ImageOperation.ResetDiskId, Path!);
            await WorkAsync(context, work, $"Changing '{Path}'", Passthru);
        });
    }
}
