using Microsoft.Vhd.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control.Storage;
using Vireo.Platform.Files;

namespace Vireo.Commands.Disks;

/// <summary>Makes a virtual hard disk of another format, type or block size with the content of one, which it only reads.</summary>
[Command("Convert", "VHD", SupportsShouldProcess = true, SupportsAsJob = true, CmdletClass = "Microsoft.Vhd.PowerShell.Cmdlets.ConvertVhd")]
[OutputType(typeof(VirtualHardDisk))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a path or a size cannot be used, or the file exists")]
[CommandError("ObjectAlreadyExists", ErrorCategory.ResourceExists, "the destination exists")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "another program writes to the disk")]
[CommandError("ParentNotFound", ErrorCategory.ObjectNotFound, "a parent of the disk is missing")]
[CommandError("ParentMismatch", ErrorCategory.InvalidData, "a parent is not the disk that the child was made from")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "the format cannot hold such a disk")]
[CommandError("OutOfDiskSpace", ErrorCategory.ResourceUnavailable, "there is no room for the disk")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the disk is damaged or the storage failed")]
[Example("Convert-VHD /images/old.vhd /images/new.vhdx", "Makes a VHDX of a VHD.")]
[Example("Convert-VHD /images/a.vhdx /images/b.vhdx -VHDType Fixed -DeleteSource", "Allocates all storage, and removes the dynamic disk.")]
public sealed class ConvertVHD : OneDiskCommand
{
    /// <summary>The file to make; its extension is the format.</summary>
    [Parameter(Position = 1, Mandatory = true)]
    [FilePath(OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string? DestinationPath { get; set; }

    /// <summary>Type of the new disk; that of the old one when left out.</summary>
    [Parameter]
    public VhdType? VHDType { get; set; }

    /// <summary>Parent of the new disk when it is a differencing one: it holds what differs.</summary>
    [Parameter]
    [FilePath(OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string? ParentPath { get; set; }

    /// <summary>Unit of allocation of the new disk, in bytes.</summary>
    [Parameter]
    public uint? BlockSizeBytes { get; set; }

    /// <summary>Remove the old disk when the new one is complete.</summary>
    [Parameter]
    public Switch DeleteSource { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        await GuardAsync(context, () => ConvertAsync(context, Path!));
    }

    private async Task ConvertAsync(CommandContext context, string path)
    {
        RequireFile(path);
        var images = context.Service<IImages>();
        var source = await images.InspectAsync(path, context.Cancellation);
        var type = VHDType switch
        {
            VhdType.Fixed => ImageType.Fixed,
            VhdType.Dynamic => ImageType.Dynamic,
            VhdType.Differencing => ImageType.Differencing,
            VhdType.Unknown => throw Errors.Invalid("-VHDType Unknown is no type that a disk can be made of.", nameof(VHDType)),
            _ => ParentPath is not null ? ImageType.Differencing : source.Type == ImageType.Differencing ? ImageType.Dynamic : source.Type,
        };
        if (type == ImageType.Differencing != ParentPath is not null)
        {
            throw Errors.Invalid("-ParentPath and -VHDType Differencing go together.", nameof(ParentPath));
        }

        var target = new CreateImage(DestinationPath!, DiskPaths.FormatOf(DestinationPath!), type, 0, (int)(BlockSizeBytes ?? 0), ParentPath: ParentPath);
        if (DiskFiles.IsTaken(DestinationPath!))
        {
            throw Errors.Invalid($"The file '{DestinationPath}' exists already; nothing was changed.", DestinationPath);
        }

        if (await context.ShouldProcessAsync(path, "Convert-VHD"))
        {
            if (DeleteSource && UncPath.IsUnc(path))
            {
                throw Errors.NotSupported($"The disk '{path}' is on a share, where -DeleteSource does not reach; nothing was converted. Leave it out, and remove the file there.", path);
            }

            if (DeleteSource)
            {
                RefuseOfCheckpoint(context, path, isRemoved: true);
            }

            if (DeleteSource && source.InUse)
            {
                throw new CommandException("ObjectInUse", ErrorCategory.ResourceBusy, $"The disk '{path}' is in use and cannot be removed; nothing was converted.", path);
            }

            await WorkAsync(context, new ImageWork(ImageOperation.Convert, path, target), $"Converting '{path}'", Passthru);
            if (DeleteSource)
            {
                File.Delete(path);
            }
        }
    }
}
