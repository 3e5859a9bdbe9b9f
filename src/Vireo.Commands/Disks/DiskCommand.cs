using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control.Storage;

namespace Vireo.Commands.Disks;

/// <summary>Has the storage plane work on disks that nobody has open, and writes what came of it.</summary>
public abstract class DiskCommand : MachineCommand
{
    /// <summary>Does the work, with progress; writes the disk when <paramref name="passThru"/>.</summary>
    private protected static async Task WorkAsync(CommandContext context, ImageWork work, string activity, bool passThru)
    {
        RefuseOfSaved(context, work.Path);
        if (work.Operation is ImageOperation.Merge or ImageOperation.Resize or ImageOperation.Compact or ImageOperation.ResetDiskId or ImageOperation.SetPhysicalSectorSize)
        {
            RefuseOfCheckpoint(context, work.Path, isRemoved: work.Operation == ImageOperation.Merge);
        }

        var images = context.Service<IImages>();
        var result = await images.WorkAsync(work, new ProgressWriter(context, activity), context.Cancellation);
        if (result.CopyMethod is { } method)
        {
            context.WriteVerbose($"{result.CopiedBytes} bytes were copied to '{result.Path}': {method}.");
        }

        if (passThru)
        {
            context.WriteObject(VhdMapper.Disk(await images.InspectAsync(result.Path, context.Cancellation), context));
        }
    }

    /// <summary>A file that should be there.</summary>
    private protected static void RequireFile(string path)
    {
        if (!DiskFiles.MayExist(path))
        {
            throw Errors.Invalid($"The file '{path}' does not exist.", path);
        }
    }

    // The guest in a saved state remembers what the disk held.
    private protected static void RefuseOfSaved(CommandContext context, string path)
    {
        var machines = context.Service<IMachines>();
        var owner = machines.All.FirstOrDefault(machine => machine.Drives.Any(drive => drive.Path is { } held && DiskFiles.AreSame(held, path))
            && machines.StatusOf(machine.Id).State is VMState.Saved or VMState.FastSaved or VMState.SavedCritical);
        if (owner is not null)
        {
            throw Errors.State($"The disk '{path}' belongs to the virtual machine '{owner.Name}', which is saved and remembers what is on it; start it and shut it down first.", path);
        }
    }

    // What stands on it remembers how it was, and does not find it any more.
    private protected static void RefuseOfCheckpoint(CommandContext context, string path, bool isRemoved = false)
    {
        var machines = context.Service<IMachines>().All;
        if ((DiskUse.OfCheckpoint(machines, path) ?? (isRemoved ? DiskUse.OfChain(machines, path) : null)) is { } owner)
        {
            throw Errors.State($"The disk '{path}' is part of checkpoints of the virtual machine '{owner.Name}', which need it as it is; remove them first (Remove-VMSnapshot merges their disks).", path);
        }
    }

    private sealed class ProgressWriter(CommandContext context, string activity) : IProgress<ImageProgress>
    {
        public void Report(ImageProgress value) => context.WriteProgress(
            activity, $"{value.DoneBytes >> 20} of {value.TotalBytes >> 20} MB", value.TotalBytes == 0 ? -1 : (int)(100.0 * value.DoneBytes / value.TotalBytes));
    }
}
