using Microsoft.Vhd.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Disks;

/// <summary>Gets what virtual hard disks say of themselves.</summary>
[Command("Get", "VHD", DefaultParameterSetName = "Path", CmdletClass = "Microsoft.Vhd.PowerShell.Cmdlets.GetVHD")]
[OutputType(typeof(VirtualHardDisk))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the file or the virtual machine does not exist, or no disk is mounted with that number")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "another program holds the file")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the file is not a disk that can be read")]
[Example("Get-VHD /images/web1.vhdx", "Shows size, type and format of a disk.")]
[Example("Get-VHD -DiskNumber 31", "Shows which disk is mounted under a number.")]
public sealed class GetVHD : MachineCommand
{
    /// <summary>Files; wildcards are allowed in the last part.</summary>
    [Parameter(ParameterSetName = "Path", Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName")]
    [FilePath(OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string[]? Path { get; set; }

    /// <summary>Number of a disk that is mounted.</summary>
    [Parameter(ParameterSetName = "Disk", Position = 0, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Number")]
    public uint? DiskNumber { get; set; }

    /// <summary>Ids of virtual machines whose disks are shown.</summary>
    [Parameter(ParameterSetName = "VMId", Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Id")]
    public Guid[]? VMId { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var path in DiskNumber is { } number ? OfNumber(context, number) : Path is null ? OfMachines(context) : Path.SelectMany(Expand))
        {
            await GuardAsync(context, async () =>
            {
                if (!DiskFiles.MayExist(path))
                {
                    throw Errors.Invalid($"The file '{path}' does not exist.", path);
                }

                context.WriteObject(VhdMapper.Disk(await context.Service<IImages>().InspectAsync(path, context.Cancellation), context));
            });
        }
    }

    private static string[] OfNumber(CommandContext context, uint number)
    {
        if (context.Service<IMounts>().All.FirstOrDefault(disk => disk.Number == number) is { } mounted)
        {
            return [mounted.Path];
        }

        context.WriteError(Errors.Invalid($"No virtual hard disk is mounted as disk number {number}.", number));
        return [];
    }

    private IEnumerable<string> OfMachines(CommandContext context)
    {
        foreach (var id in VMId ?? [])
        {
            var machine = context.Service<IMachines>().Find(id);
            if (machine is null)
            {
                context.WriteError(Errors.MachineGone(id));
                continue;
            }

            foreach (var drive in machine.Drives.Where(drive => drive is { Kind: DriveKind.HardDisk, Path: not null, PhysicalDisk: null }))
            {
                yield return drive.Path!;
            }
        }
    }

    private static IEnumerable<string> Expand(string path)
    {
        var folder = System.IO.Path.GetDirectoryName(path);
        var pattern = System.IO.Path.GetFileName(path);
        return Wildcard.IsPattern(pattern) && Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder).Where(file => Wildcard.Matches(pattern, System.IO.Path.GetFileName(file))).Order(StringComparer.Ordinal)
            : [path];
    }
}
