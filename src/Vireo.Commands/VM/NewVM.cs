using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control.Storage;
using Vireo.Machines.Configuration;
using Vireo.Platform.Files;

namespace Vireo.Commands.VM;

/// <summary>Creates a virtual machine.</summary>
[Command("New", "VM", DefaultParameterSetName = "No VHD", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a size, a path or a name cannot be used")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "the switch does not exist, or the folder cannot be written")]
[CommandError("InvalidOperation", ErrorCategory.InvalidOperation, "several switches carry the name")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "the disk belongs to another machine")]
[CommandError("OutOfDiskSpace", ErrorCategory.ResourceUnavailable, "there is no room for the new disk")]
[Example("New-VM -Name web1 -MemoryStartupBytes 512MB -NewVHDPath web1.vhdx -NewVHDSizeBytes 40GB", "Creates web1 with a new dynamic disk.")]
[Example("New-VM web2 -Generation 2 -VHDPath /images/web2.vhdx -SwitchName 'Default Switch'", "Creates a UEFI machine from an existing disk.")]
public sealed class NewVM : MachineCommand
{
    private const long DefaultMemoryBytes = 1L << 30;

    /// <summary>Name of the new machine.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VMName")]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Memory at start, in bytes.</summary>
    [Parameter(Position = 1)]
    public long? MemoryStartupBytes { get; set; }

    /// <summary>1: BIOS, starts from IDE. 2: UEFI, starts from SCSI.</summary>
    [Parameter(Position = 2)]
    [ValidateRange(1, 2)]
    public short? Generation { get; set; }

    /// <summary>Device the machine tries first.</summary>
    [Parameter]
    public BootDevice? BootDevice { get; set; }

    /// <summary>Create the machine without a disk.</summary>
    [Parameter(ParameterSetName = "No VHD")]
    public Switch NoVHD { get; set; }

    /// <summary>Existing virtual hard disk.</summary>
    [Parameter(ParameterSetName = "Existing VHD", Mandatory = true)]
    [FilePath(OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string? VHDPath { get; set; }

    /// <summary>Virtual hard disk to create; a bare file name lands in the machine's folder.</summary>
    [Parameter(ParameterSetName = "New VHD", Mandatory = true)]
    [FilePath(KeepBareName = true, OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string? NewVHDPath { get; set; }

    /// <summary>Size of the disk to create, in bytes.</summary>
    [Parameter(ParameterSetName = "New VHD", Mandatory = true)]
    public ulong? NewVHDSizeBytes { get; set; }

    /// <summary>Folder in which the machine's own folder is made; the host's default when left out.</summary>
    [Parameter]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Switch the machine's network adapter is connected to.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? SwitchName { get; set; }

    /// <summary>Do not ask.</summary>
    [Parameter]
    public Switch Force { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var name = Name ?? "New Virtual Machine";
        var switchId = SwitchName is null ? (Guid?)null : SwitchFinder.Single(context, SwitchName).Id;
        var configuration = Compose(context, name, switchId);
        MachineValidator.Require(configuration, context.Service<IHostSettings>().Facts);
        if (!await context.ShouldProcessAsync(name, "New-VM"))
        {
            return;
        }

        var disk = configuration.Drives.FirstOrDefault(drive => drive.Kind == DriveKind.HardDisk);
        if (disk is not null && NewVHDPath is null)
        {
            await DriveRules.RequireUsableAsync(context, disk);
        }

        var newDisk = disk is not null && NewVHDPath is not null ? NewDisk(disk) : null;
        await context.Service<IMachines>().CreateAsync(configuration, newDisk, context.Cancellation);
        WriteMachine(context, configuration.Id);
    }

    private CreateImage NewDisk(DriveConfiguration disk)
    {
        var format = DiskPaths.FormatOf(disk.Path!);
        return new CreateImage(disk.Path!, format, ImageType.Dynamic, DiskPaths.Size(NewVHDSizeBytes!.Value, format, "NewVHDSizeBytes"));
    }

    private VirtualMachineConfiguration Compose(CommandContext context, string name, Guid? switchId)
    {
        var settings = context.Service<IHostSettings>().Current;
        var generation = Generation ?? 1;
        var folder = System.IO.Path.Combine(Path ?? settings.VirtualMachinePath, DiskPaths.SafeName(name));
        var diskPath = VHDPath ?? NewVHDPath;
        if (diskPath is not null && !System.IO.Path.IsPathRooted(diskPath) && !UncPath.IsUnc(diskPath))
        {
            // As in the original: below the machine's folder when one was named, else with the host's other disks.
            diskPath = System.IO.Path.Combine(Path is null ? settings.VirtualHardDiskPath : System.IO.Path.Combine(folder, "Virtual Hard Disks"), diskPath);
        }

        var drives = new List<DriveConfiguration>();
        if (diskPath is not null)
        {
            drives.Add(new DriveConfiguration
            {
                Id = Guid.NewGuid(),
                Kind = DriveKind.HardDisk,
                Bus = generation == 1 ? DriveBus.Ide : DriveBus.Scsi,
                ControllerNumber = 0,
                ControllerLocation = 0,
                Path = diskPath,
            });
        }

        if (generation == 1 || BootDevice == Microsoft.HyperV.PowerShell.BootDevice.CD)
        {
            drives.Add(new DriveConfiguration
            {
                Id = Guid.NewGuid(),
                Kind = DriveKind.Dvd,
                Bus = generation == 1 ? DriveBus.Ide : DriveBus.Scsi,
                ControllerNumber = generation == 1 ? 1 : 0,
                ControllerLocation = generation == 1 ? 0 : 1,
            });
        }

        var adapter = new NetworkAdapterConfiguration { Id = Guid.NewGuid(), SwitchId = switchId };
        return new VirtualMachineConfiguration
        {
            Id = Guid.NewGuid(),
            Name = name,
            Generation = generation,
            CreationTime = context.Service<TimeProvider>().GetUtcNow(),
            Path = folder,
            SnapshotFileLocation = folder,
            SmartPagingFilePath = folder,
            Memory = NewMemory(MemoryStartupBytes ?? DefaultMemoryBytes),
            Drives = drives,
            NetworkAdapters = [adapter],
            FirmwareBootOrder = generation == 2 ? FirmwareOrder(drives, adapter) : [],
            BiosStartupOrder = BiosOrder.StartingWith(BootDevice),
            CheckpointType = "Production",
        };
    }

    private static MemoryConfiguration NewMemory(long startup)
    {
        var usual = new MemoryConfiguration { StartupBytes = startup };
        return usual with { MinimumBytes = Math.Max(MachineValidator.MinimumMemoryBytes, Math.Min(usual.MinimumBytes, startup)) };
    }

    private List<Guid> FirmwareOrder(List<DriveConfiguration> drives, NetworkAdapterConfiguration adapter)
    {
        var all = drives.Select(drive => (drive.Id, Kind: drive.Kind == DriveKind.Dvd ? Microsoft.HyperV.PowerShell.BootDevice.CD : Microsoft.HyperV.PowerShell.BootDevice.VHD))
            .Append((adapter.Id, Kind: Microsoft.HyperV.PowerShell.BootDevice.NetworkAdapter));
        return [.. all.OrderBy(device => device.Kind == BootDevice ? 0 : 1).Select(device => device.Id)];
    }
}
