using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.FloppyDrives;

/// <summary>Changes the disk in the floppy drive of virtual machines that are off.</summary>
[Command("Set", "VMFloppyDiskDrive", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMFloppyDiskDrive))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the file is no floppy disk, or the machine is of generation 2")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Set-VMFloppyDiskDrive old1 -Path /images/answers.vfd", "Puts a disk into the floppy drive of old1.")]
[Example("Set-VMFloppyDiskDrive old1 -Path $null", "Takes the disk out.")]
public sealed class SetVMFloppyDiskDrive : ChangePartCommand
{
    private const long GreatestBytes = 2 * 80 * 36 * 512;

    /// <summary>Drives, as Get-VMFloppyDiskDrive writes them.</summary>
    [Parameter(ParameterSetName = "VMFloppyDiskDrive", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMFloppyDiskDrive[]? VMFloppyDiskDrive { get; set; }

    /// <summary>Image file (.vfd, of at most 2.88 MB); <c>$null</c> takes the disk out.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName")]
    [FilePath]
    public string? Path { get; set; }

    /// <summary>Write the drive to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (!string.IsNullOrEmpty(Path))
        {
            RequireFloppy(Path);
        }

        return ChangeEachAsync(
            context,
            VMFloppyDiskDrive is null ? Machines(context) : Owners(context, VMFloppyDiskDrive),
            "Set-VMFloppyDiskDrive",
            Apply,
            Passthru ? machine => context.WriteObject(FloppyMapper.Floppy(machine, context.Service<IHostSettings>().Facts.Name)!) : null);
    }

    private static void RequireFloppy(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
        {
            throw Errors.Invalid($"The file '{path}' does not exist.", path);
        }

        if (!file.Extension.Equals(".vfd", StringComparison.OrdinalIgnoreCase) || file.Length is 0 or > GreatestBytes || file.Length % 512 != 0)
        {
            throw Errors.Invalid($"The file '{path}' is no virtual floppy disk: its name ends in .vfd, and it has up to {GreatestBytes} bytes in whole sectors.", path);
        }
    }

    private VirtualMachineConfiguration Apply(VirtualMachineConfiguration c, MachineStatus status)
    {
        if (c.Generation != 1)
        {
            throw Errors.Invalid($"The virtual machine '{c.Name}' is of generation 2 and has no floppy disk drive.", c.Name);
        }

        RequireOff(c, status, "the disk in its floppy drive");
        return c with { FloppyPath = string.IsNullOrEmpty(Path) ? null : Path };
    }
}
