using Microsoft.Vhd.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Control.Storage;

namespace Vireo.Commands.Disks;

/// <summary>Makes the files of virtual hard disks smaller: drops what is trimmed or zero, and moves the rest together.</summary>
[Command("Optimize", "VHD", SupportsShouldProcess = true, SupportsAsJob = true, CmdletClass = "Microsoft.Vhd.PowerShell.Cmdlets.OptimizeVhd")]
[OutputType(typeof(VirtualHardDisk))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the file does not exist")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the disk belongs to a virtual machine that is saved")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "the disk is open")]
[CommandError("ParentNotFound", ErrorCategory.ObjectNotFound, "a parent of the disk is missing")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "the disk is a fixed one, which has nothing to give up")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the disk is damaged or the storage failed")]
[Example("Optimize-VHD /images/data.vhdx", "Makes the file of a dynamic disk smaller.")]
public sealed class OptimizeVHD : ManyDisksCommand
{
    /// <summary>How thorough: Quick when left out, Full also looks for zeros, Retrim gives trimmed storage back only.</summary>
    [Parameter]
    public VhdCompactMode? Mode { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var mode = Enum.Parse<ImageCompactMode>((Mode ?? VhdCompactMode.Quick).ToString());
        foreach (var path in Path!)
        {
            await GuardAsync(context, async () =>
            {
                RequireFile(path);
                if (await context.ShouldProcessAsync(path, "Optimize-VHD"))
                {
                    await WorkAsync(context, new ImageWork(ImageOperation.Compact, path, Mode: mode), $"Optimizing '{path}'", Passthru);
                }
            });
        }
    }
}
