using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Control.Storage;

namespace Vireo.Commands.Disks;

/// <summary>Finds out whether virtual hard disks can be used: every structure of a disk and of its parents. Writes whether all is well, and an error with the reason when it is not.</summary>
[Command("Test", "VHD", DefaultParameterSetName = "ExistingVHD", CmdletClass = "Microsoft.Vhd.PowerShell.Cmdlets.TestVhd")]
[OutputType(typeof(bool))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the file does not exist")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "a program writes to the disk")]
[CommandError("ParentNotFound", ErrorCategory.ObjectNotFound, "a parent of the disk is missing")]
[CommandError("ParentMismatch", ErrorCategory.InvalidData, "a parent is not the disk that the child was made from")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the disk is damaged or the storage failed")]
[Example("Test-VHD /images/data.vhdx", "Says whether a disk can be used.")]
public sealed class TestVHD : DiskCommand
{
    /// <summary>Disks.</summary>
    [Parameter(ParameterSetName = "ExistingVHD", Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName")]
    [FilePath(OnShare = true)]
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
            var isWell = false;
            await GuardAsync(context, async () =>
            {
                RequireFile(path);
                await context.Service<IImages>().WorkAsync(new ImageWork(ImageOperation.Test, path), null, context.Cancellation);
                isWell = true;
            });
            context.WriteObject(isWell);
        }
    }
}
