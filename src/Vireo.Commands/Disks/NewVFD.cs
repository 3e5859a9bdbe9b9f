using Microsoft.Vhd.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control.Storage;

namespace Vireo.Commands.Disks;

/// <summary>Creates virtual floppy disks of 1.44 MB, empty and not formatted.</summary>
[Command("New", "VFD", SupportsShouldProcess = true, CmdletClass = "Microsoft.Vhd.PowerShell.Cmdlets.NewVfd")]
[OutputType(typeof(VirtualFloppyDisk))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the path cannot be used, or the file exists")]
[CommandError("ObjectAlreadyExists", ErrorCategory.ResourceExists, "the file appeared meanwhile")]
[CommandError("OutOfDiskSpace", ErrorCategory.ResourceUnavailable, "there is no room for the disk")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the disk could not be created for another reason")]
[Example("New-VFD /images/answers.vfd", "Creates a floppy disk.")]
public sealed class NewVFD : MachineCommand
{
    // Two sides of 80 tracks of 18 sectors.
    private const long FloppyBytes = 2 * 80 * 18 * 512;

    /// <summary>Files to create; they end in .vfd.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string[]? Path { get; set; }

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

    private static async Task CreateAsync(CommandContext context, string path)
    {
        if (!string.Equals(System.IO.Path.GetExtension(path), ".vfd", StringComparison.OrdinalIgnoreCase))
        {
            throw Errors.Invalid($"The path '{path}' does not end in .vfd, as the name of a virtual floppy disk does.", path);
        }

        if (System.IO.Path.Exists(path))
        {
            throw Errors.Invalid($"The file '{path}' exists already; nothing was changed.", path);
        }

        if (await context.ShouldProcessAsync(path, "New-VFD"))
        {
            await context.Service<IImages>().CreateAsync(new CreateImage(path, ImageFormat.Raw, ImageType.Fixed, FloppyBytes), context.Cancellation);
            context.WriteObject(new VirtualFloppyDisk
            {
                ComputerName = context.Service<IHostSettings>().Facts.Name,
                FullName = path,
                Length = FloppyBytes,
            });
        }
    }
}
