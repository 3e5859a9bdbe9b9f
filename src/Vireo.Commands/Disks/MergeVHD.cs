using Microsoft.Vhd.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Control.Storage;

namespace Vireo.Commands.Disks;

/// <summary>Merges a differencing disk into one of its parents and removes it, together with those between.</summary>
[Command("Merge", "VHD", SupportsShouldProcess = true, SupportsAsJob = true, CmdletClass = "Microsoft.Vhd.PowerShell.Cmdlets.MergeVhd")]
[OutputType(typeof(VirtualHardDisk))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the file does not exist, or the destination is none of its parents")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the disk belongs to a virtual machine that is saved")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "a disk of the chain is open")]
[CommandError("ParentNotFound", ErrorCategory.ObjectNotFound, "a parent of the disk is missing")]
[CommandError("ParentMismatch", ErrorCategory.InvalidData, "a parent is not the disk that the child was made from")]
[CommandError("OutOfDiskSpace", ErrorCategory.ResourceUnavailable, "there is no room in the parent")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "a disk is damaged or the storage failed")]
[Example("Merge-VHD /images/child.vhdx", "Merges the disk into its parent.")]
[Example("Merge-VHD /images/c.avhdx -DestinationPath /images/a.vhdx", "Merges several levels into the first disk.")]
public sealed class MergeVHD : OneDiskCommand
{
    /// <summary>One of its parents; the nearest when left out.</summary>
    [Parameter(Position = 1)]
    [FilePath(OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string? DestinationPath { get; set; }

    /// <summary>Do not ask.</summary>
    [Parameter]
    public Switch Force { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        await GuardAsync(context, async () =>
        {
            RequireFile(Path!);
            if (await context.ShouldProcessAsync(Path!, "Merge-VHD")
                && (Force || await context.ShouldContinueAsync($"Merge '{Path}' into {DestinationPath ?? "its parent"}? The merged files are removed.", "Merge-VHD")))
            {
                await WorkAsync(context, new ImageWork(ImageOperation.Merge, Path!, OtherPath: DestinationPath), $"Merging '{Path}'", Passthru);
            }
        });
    }
}
