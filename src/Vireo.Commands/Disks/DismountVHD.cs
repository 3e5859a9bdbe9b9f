using Microsoft.Vhd.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Disks;

/// <summary>Ends what Mount-VHD began: everything that was written goes to the disk, then its block device disappears.</summary>
[Command("Dismount", "VHD", DefaultParameterSetName = "Path", SupportsShouldProcess = true, CmdletClass = "Microsoft.Vhd.PowerShell.Cmdlets.DismountVhd")]
[OutputType(typeof(VirtualHardDisk))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the disk is not mounted")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "a file system is mounted from the disk, or a program uses it")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "what was written could not be stored, or a step failed")]
[Example("Dismount-VHD /images/data.vhdx", "Takes the block device of a disk away.")]
[Example("Dismount-VHD -DiskNumber 31", "Names the disk by its number.")]
public sealed class DismountVHD : DiskCommand
{
    /// <summary>Disks.</summary>
    [Parameter(ParameterSetName = "Path", Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName")]
    [FilePath(OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string[]? Path { get; set; }

    /// <summary>Number of the disk, as Mount-VHD and Get-VHD show it.</summary>
    [Parameter(ParameterSetName = "Disk", Position = 0, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Number")]
    public uint? DiskNumber { get; set; }

    /// <summary>Write the disk to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var mounts = context.Service<IMounts>();
        if (DiskNumber is { } number)
        {
            await GuardAsync(context, () => DismountAsync(
                context, mounts.All.FirstOrDefault(disk => disk.Number == number) ?? throw Errors.Invalid($"No virtual hard disk is mounted as disk number {number}.", number)));
            return;
        }

        foreach (var path in Path!)
        {
            await GuardAsync(context, () => DismountAsync(
                context, mounts.All.FirstOrDefault(disk => disk.Path == path) ?? throw Errors.Invalid($"The disk '{path}' is not mounted; 'Get-VHD' shows a disk's number when it is.", path)));
        }
    }

    private async Task DismountAsync(CommandContext context, MountedDisk disk)
    {
        if (!await context.ShouldProcessAsync(disk.Path, "Dismount-VHD"))
        {
            return;
        }

        await context.Service<IMounts>().DismountAsync(disk.Id, context.Cancellation);
        if (Passthru)
        {
            context.WriteObject(VhdMapper.Disk(await context.Service<IImages>().InspectAsync(disk.Path, context.Cancellation), context));
        }
    }
}
