using Microsoft.Vhd.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Disks;

/// <summary>Makes virtual hard disks block devices of the host, so that its own programs partition, format, mount and read them. With -Verbose it says which device and how.</summary>
[Command("Mount", "VHD", SupportsShouldProcess = true, CmdletClass = "Microsoft.Vhd.PowerShell.Cmdlets.MountVhd")]
[OutputType(typeof(VirtualHardDisk))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the file does not exist or is no virtual hard disk by its name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the disk belongs to a virtual machine that is saved")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "the disk is mounted, in a running virtual machine, or open in another program")]
[CommandError("ParentNotFound", ErrorCategory.ObjectNotFound, "a parent of the disk is missing")]
[CommandError("ParentMismatch", ErrorCategory.InvalidData, "a parent is not the disk that the child was made from")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "this computer lacks what it takes; the message names it")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the disk is damaged or a step failed")]
[Example("Mount-VHD /images/data.vhdx -Passthru", "Makes a disk a block device and shows which.")]
[Example("Mount-VHD /images/data.vhdx -ReadOnly", "Looks at a disk without changing it.")]
public sealed class MountVHD : ManyDisksCommand
{
    /// <summary>Refuse writes.</summary>
    [Parameter]
    public Switch ReadOnly { get; set; }

    /// <summary>Give the disk's volumes no drive letters. Linux has none and mounts nothing by itself, so it is so anyway.</summary>
    [Parameter]
    public Switch NoDriveLetter { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var path in Path!)
        {
            await GuardAsync(context, async () =>
            {
                RequireFile(path);
                DiskPaths.FormatOf(path);
                if (!ReadOnly)
                {
                    RefuseOfSaved(context, path);
                    RefuseOfCheckpoint(context, path);
                }

                if (!await context.ShouldProcessAsync(path, "Mount-VHD"))
                {
                    return;
                }

                var mounted = await context.Service<IMounts>().MountAsync(path, ReadOnly, context.Cancellation);
                context.WriteVerbose($"'{path}' is the block device '{mounted.DevicePath}', disk number {mounted.Number}: {mounted.Method}.");
                if (Passthru)
                {
                    context.WriteObject(VhdMapper.Disk(await context.Service<IImages>().InspectAsync(path, context.Cancellation), context));
                }
            });
        }
    }
}
