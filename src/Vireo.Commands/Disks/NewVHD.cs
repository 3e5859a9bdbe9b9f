using Microsoft.Vhd.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control.Storage;

namespace Vireo.Commands.Disks;

/// <summary>Creates virtual hard disks.</summary>
[Command("New", "VHD", DefaultParameterSetName = "DynamicWithoutSource", SupportsShouldProcess = true, SupportsAsJob = true, CmdletClass = "Microsoft.Vhd.PowerShell.Cmdlets.NewVhd")]
[OutputType(typeof(VirtualHardDisk))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a size or a path cannot be used, or the file exists")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "the format is not written in this version")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "a program writes to the disk of the host that is copied")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the disk belongs to a virtual machine that is saved")]
[CommandError("ParentNotFound", ErrorCategory.ObjectNotFound, "a parent of the parent is missing")]
[CommandError("OutOfDiskSpace", ErrorCategory.ResourceUnavailable, "there is no room for the disk")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the disk could not be created for another reason")]
[Example("New-VHD /images/data.vhdx -SizeBytes 100GB", "Creates a dynamic disk of 100 GB.")]
[Example("New-VHD /images/child.vhdx -ParentPath /images/base.vhdx", "Creates a disk that holds what differs from another.")]
[Example("New-VHD /images/copy.vhdx -Dynamic -SourceDisk 3", "Makes a disk of what a disk of the host holds.")]
[Example("New-VHD /images/data.vhdx -SizeBytes 10GB -Fixed", "Creates a disk whose storage is all allocated.")]
public sealed class NewVHD : DiskCommand
{
    /// <summary>Files to create.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [FilePath(OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string[]? Path { get; set; }

    /// <summary>The parent of a differencing disk: a disk of the same format, which must not be written any more.</summary>
    [Parameter(ParameterSetName = "Differencing", Position = 1, Mandatory = true)]
    [FilePath(OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string? ParentPath { get; set; }

    /// <summary>Make a disk that holds what differs from its parent.</summary>
    [Parameter(ParameterSetName = "Differencing")]
    public Switch Differencing { get; set; }

    /// <summary>Number of a disk of the host whose content the new disk gets: <c>/sys/block/*/diskseq</c>, also that of a mounted virtual hard disk.</summary>
    [Parameter(ParameterSetName = "DynamicWithSource", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = "FixedWithSource", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Number")]
    public uint? SourceDisk { get; set; }

    /// <summary>Capacity, in bytes; a differencing disk has that of its parent when left out.</summary>
    [Parameter(ParameterSetName = "DynamicWithoutSource", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "FixedWithoutSource", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "Differencing", Position = 2)]
    public ulong? SizeBytes { get; set; }

    /// <summary>Allocate storage as it is written; the default.</summary>
    [Parameter(ParameterSetName = "DynamicWithoutSource")]
    [Parameter(ParameterSetName = "DynamicWithSource", Mandatory = true)]
    public Switch Dynamic { get; set; }

    /// <summary>Allocate all storage now.</summary>
    [Parameter(ParameterSetName = "FixedWithoutSource", Mandatory = true)]
    [Parameter(ParameterSetName = "FixedWithSource", Mandatory = true)]
    public Switch Fixed { get; set; }

    /// <summary>Unit of allocation, in bytes: a power of two from 1 MB to 256 MB.</summary>
    [Parameter]
    public uint? BlockSizeBytes { get; set; }

    /// <summary>Unit of addressing: 512 or 4096.</summary>
    [Parameter(ParameterSetName = "DynamicWithoutSource")]
    [Parameter(ParameterSetName = "FixedWithoutSource")]
    [ValidateSet("512", "4096")]
    public uint? LogicalSectorSizeBytes { get; set; }

    /// <summary>Unit the disk writes without reading first: 512 or 4096.</summary>
    [Parameter(ParameterSetName = "DynamicWithoutSource")]
    [Parameter(ParameterSetName = "FixedWithoutSource")]
    [Parameter(ParameterSetName = "Differencing")]
    [ValidateSet("512", "4096")]
    public uint? PhysicalSectorSizeBytes { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var path in Path!)
        {
            await GuardAsync(context, () => CreateAsync(context, path));
        }
    }

    private async Task CreateAsync(CommandContext context, string path)
    {
        if (ParentPath is not null && !DiskFiles.MayExist(ParentPath))
        {
            throw Errors.Invalid($"The parent '{ParentPath}' does not exist.", ParentPath);
        }

        var format = DiskPaths.FormatOf(path);
        var image = new CreateImage(
            path,
            format,
            ParentPath is not null ? ImageType.Differencing : Fixed ? ImageType.Fixed : ImageType.Dynamic,
            SizeBytes is { } size ? DiskPaths.Size(size, format, nameof(SizeBytes)) : 0,
            (int)(BlockSizeBytes ?? 0),
            (int)(LogicalSectorSizeBytes ?? 0),
            (int)(PhysicalSectorSizeBytes ?? 0),
            ParentPath);
        if (DiskFiles.IsTaken(path))
        {
            throw Errors.Invalid($"The file '{path}' exists already; nothing was changed.", path);
        }

        if (!await context.ShouldProcessAsync(path, "New-VHD"))
        {
            return;
        }

        if (SourceDisk is { } number)
        {
            var device = context.Service<IMounts>().FindDevice(number)
                ?? throw Errors.Invalid($"This host has no disk with the number {number}; /sys/block/*/diskseq holds those it has.", number);
            await WorkAsync(context, new ImageWork(ImageOperation.Convert, device, image), $"Copying '{device}'", passThru: true);
        }
        else
        {
            var images = context.Service<IImages>();
            await images.CreateAsync(image, context.Cancellation);
            context.WriteObject(VhdMapper.Disk(await images.InspectAsync(path, context.Cancellation), context));
        }
    }
}
