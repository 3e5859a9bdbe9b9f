using Microsoft.Vhd.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;
using Vireo.Control.Storage;

namespace Vireo.Commands.Disks;

/// <summary>Sets the capacity of virtual hard disks. A disk shrinks as far as it holds no data at its end.</summary>
[Command("Resize", "VHD", DefaultParameterSetName = "Size", SupportsShouldProcess = true, SupportsAsJob = true, CmdletClass = "Microsoft.Vhd.PowerShell.Cmdlets.ResizeVhd")]
[OutputType(typeof(VirtualHardDisk))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the file does not exist, or the size is out of range or would lose data")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the disk belongs to a virtual machine that is saved")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "the disk is open")]
[CommandError("ParentNotFound", ErrorCategory.ObjectNotFound, "a parent of the disk is missing")]
[CommandError("OutOfDiskSpace", ErrorCategory.ResourceUnavailable, "there is no room for a larger fixed disk")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the disk is damaged or the storage failed")]
[Example("Resize-VHD /images/data.vhdx 200GB", "Makes a disk larger.")]
[Example("Resize-VHD /images/data.vhdx -ToMinimumSize", "Makes a disk as small as its data allow.")]
public sealed class ResizeVHD : ManyDisksCommand
{
    /// <summary>Capacity, in bytes.</summary>
    [Parameter(ParameterSetName = "Size", Position = 1, Mandatory = true)]
    public ulong? SizeBytes { get; set; }

    /// <summary>Shrink as far as possible without losing data.</summary>
    [Parameter(ParameterSetName = "MinimumSize", Mandatory = true)]
    public Switch ToMinimumSize { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var path in Path!)
        {
            await GuardAsync(context, async () =>
            {
                RequireFile(path);
                var size = ToMinimumSize ? 0 : DiskPaths.Size(SizeBytes!.Value, DiskPaths.FormatOf(path), nameof(SizeBytes));
                if (await context.ShouldProcessAsync(path, "Resize-VHD"))
                {
                    await WorkAsync(context, new ImageWork(ImageOperation.Resize, path, SizeBytes: size), $"Resizing '{path}'", Passthru);
                }
            });
        }
    }
}
