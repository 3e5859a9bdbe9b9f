using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Hosts;

/// <summary>Changes the settings of a host.</summary>
[Command("Set", "VMHost", DefaultParameterSetName = "ComputerName", SupportsShouldProcess = true)]
[OutputType(typeof(VMHost))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a path, an address range, a bandwidth or a time cannot be used")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "a folder cannot be made")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the storage plane does not answer; it learns the settings at its next start")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "a way to authenticate, or for memory to travel, that only Windows has")]
[Example("Set-VMHost -UseAnyNetworkForMigration $true", "Lets machines migrate over any network.")]
[Example("Set-VMHost -VirtualMachineMigrationMaximumBandwidth 4000000000 -VirtualMachineMigrationDowntimeLimit 00:00:00.100", "Leaves others room on the network, and lets guests stand still for a tenth of a second.")]
[Example("Set-VMHost -ParentPathMap 'D:\\VMs=/srv/vms'", "Finds parents that were in D:\\VMs on a Windows server in /srv/vms.")]
[Example("Set-VMHost -VirtualMachinePath /srv/vms -VirtualHardDiskPath /srv/disks", "Chooses where new machines and disks go.")]
public sealed class SetVMHost : Command
{
    /// <summary>Default folder of new virtual hard disks.</summary>
    [Parameter]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? VirtualHardDiskPath { get; set; }

    /// <summary>Default folder of new virtual machines.</summary>
    [Parameter]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? VirtualMachinePath { get; set; }

    /// <summary>First address of the pool for dynamic MAC addresses.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? MacAddressMinimum { get; set; }

    /// <summary>Last address of that pool.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? MacAddressMaximum { get; set; }

    /// <summary>How often the figures of metering are made safe against a power cut: ten seconds to a day.</summary>
    [Parameter]
    public TimeSpan? ResourceMeteringSaveInterval { get; set; }

    /// <summary>A NUMA node of a guest may use memory of several nodes of the host; holds for machines that are started from then on.</summary>
    [Parameter]
    public bool? NumaSpanningEnabled { get; set; }

    /// <summary>Moves of machines' storage that go at once; more wait.</summary>
    [Parameter]
    [ValidateRange(1, 1024)]
    public uint? MaximumStorageMigrations { get; set; }

    /// <summary>Machines that migrate to or from other hosts at once; more wait.</summary>
    [Parameter]
    [ValidateRange(1, 1024)]
    public uint? MaximumVirtualMachineMigrations { get; set; }

    /// <summary>How hosts prove to each other who they are: <c>Certificate</c>, see <c>vireo trust</c>.</summary>
    [Parameter]
    public MigrationAuthenticationType? VirtualMachineMigrationAuthenticationType { get; set; }

    /// <summary>How the memory of migrating machines travels: <c>TCPIP</c> as it is, or <c>Compression</c>.</summary>
    [Parameter]
    public VMMigrationPerformance? VirtualMachineMigrationPerformanceOption { get; set; }

    /// <summary>
    /// Most that the memory of one migrating machine takes of the network, in bits a second: 8,000,000 to 1,000,000,000,000, or 0 for no limit, which it is unless it is set.
    /// </summary>
    [Parameter]
    public long? VirtualMachineMigrationMaximumBandwidth { get; set; }

    /// <summary>
    /// Longest time that a guest is to stand still for the last of its memory when it migrates, 00:00:00.010 to 00:01:00, 00:00:00.300 unless it is set: memory goes over in passes until
    /// so little is left. A short time makes the move of a busy guest long.
    /// </summary>
    [Parameter]
    public TimeSpan? VirtualMachineMigrationDowntimeLimit { get; set; }

    /// <summary>A guest that changes its memory faster than it travels is slowed down while it migrates, so that the move ends; $true unless it is set.</summary>
    [Parameter]
    public bool? VirtualMachineMigrationAutoConverge { get; set; }

    /// <summary>Connections that carry the memory of a migrating machine side by side, 1 to 16; 1 unless it is set. Compression takes two at least.</summary>
    [Parameter]
    [ValidateRange(1, MigrationTransfers.MostChannels)]
    public int? VirtualMachineMigrationChannels { get; set; }

    /// <summary>Machines migrate over any network; else over those that 'Get-VMMigrationNetwork' shows only.</summary>
    [Parameter]
    public bool? UseAnyNetworkForMigration { get; set; }

    /// <summary>TCP port where the host listens for other hosts; 6600 unless it is set.</summary>
    [Parameter]
    [ValidateRange(1, 65535)]
    public int? PeerPort { get; set; }

    /// <summary>
    /// Where parents of differencing disks that were made on other computers are: 'D:\VMs=/srv/vms' for each beginning of paths. Replaces what was
    /// there; an empty text is none.
    /// </summary>
    [Parameter]
    public string[]? ParentPathMap { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "ComputerName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the host to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var host = context.Service<IHostSettings>();
        var parents = ParentPathMap?.Where(static text => text.Length > 0).Select(ParentPaths.Parse).ToList();
        if (ResourceMeteringSaveInterval is { } interval && (interval < TimeSpan.FromSeconds(10) || interval > TimeSpan.FromDays(1)))
        {
            throw Errors.Invalid("The interval at which figures of metering are saved lies between 00:00:10 and 1.00:00:00.", ResourceMeteringSaveInterval);
        }

        if (VirtualMachineMigrationAuthenticationType is { } authentication and not MigrationAuthenticationType.Certificate)
        {
            throw Errors.NotSupported($"{authentication} belongs to Windows domains; hosts prove to each other who they are by certificates, which 'vireo trust' gives them.", authentication);
        }

        if (VirtualMachineMigrationPerformanceOption is VMMigrationPerformance.SMB)
        {
            throw Errors.NotSupported("Memory of migrating machines does not travel over SMB; choose TCPIP or Compression.", VMMigrationPerformance.SMB);
        }

        MigrationTransfers.Require(VirtualMachineMigrationMaximumBandwidth, VirtualMachineMigrationDowntimeLimit);
        if (!await context.ShouldProcessAsync(host.Facts.Name, "Set-VMHost"))
        {
            return;
        }

        foreach (var folder in new[] { VirtualHardDiskPath, VirtualMachinePath }.OfType<string>())
        {
            try
            {
                Directory.CreateDirectory(folder);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw Errors.NotFound($"The folder '{folder}' cannot be made: {error.Message}", folder);
            }
        }

        host.Change(settings =>
        {
            var changed = settings with
            {
                VirtualHardDiskPath = VirtualHardDiskPath ?? settings.VirtualHardDiskPath,
                VirtualMachinePath = VirtualMachinePath ?? settings.VirtualMachinePath,
                MacAddressMinimum = MacAddressMinimum is null ? settings.MacAddressMinimum : MacAddresses.Parse(MacAddressMinimum),
                MacAddressMaximum = MacAddressMaximum is null ? settings.MacAddressMaximum : MacAddresses.Parse(MacAddressMaximum),
                ResourceMeteringSaveInterval = ResourceMeteringSaveInterval ?? settings.ResourceMeteringSaveInterval,
                NumaSpanningEnabled = NumaSpanningEnabled ?? settings.NumaSpanningEnabled,
                MaximumStorageMigrations = MaximumStorageMigrations ?? settings.MaximumStorageMigrations,
                ParentFolders = parents ?? settings.ParentFolders,
                MaximumVirtualMachineMigrations = MaximumVirtualMachineMigrations ?? settings.MaximumVirtualMachineMigrations,
                VirtualMachineMigrationPerformanceOption = VirtualMachineMigrationPerformanceOption ?? settings.VirtualMachineMigrationPerformanceOption,
                VirtualMachineMigrationMaximumBandwidth = VirtualMachineMigrationMaximumBandwidth ?? settings.VirtualMachineMigrationMaximumBandwidth,
                VirtualMachineMigrationDowntimeLimit = VirtualMachineMigrationDowntimeLimit ?? settings.VirtualMachineMigrationDowntimeLimit,
                VirtualMachineMigrationAutoConverge = VirtualMachineMigrationAutoConverge ?? settings.VirtualMachineMigrationAutoConverge,
                VirtualMachineMigrationChannels = VirtualMachineMigrationChannels ?? settings.VirtualMachineMigrationChannels,
                UseAnyNetworkForMigration = UseAnyNetworkForMigration ?? settings.UseAnyNetworkForMigration,
                PeerPort = PeerPort ?? settings.PeerPort,
            };
            return string.CompareOrdinal(changed.MacAddressMinimum, changed.MacAddressMaximum) <= 0
                ? changed
                : throw Errors.Invalid("The first address of the MAC address pool lies behind its last.", changed.MacAddressMinimum);
        });
        if (UseAnyNetworkForMigration is not null || PeerPort is not null)
        {
            await MigrationRules.ApplyAsync(context);
        }

        if (parents is not null)
        {
            try
            {
                await context.Service<IImages>().SetParentFoldersAsync(parents, context.Cancellation);
            }
            catch (Control.ControlException refused)
            {
                throw PlaneErrors.ToCommandError(refused);
            }
        }

        if (Passthru)
        {
            context.WriteObject(HostMapper.Host(host));
        }
    }
}
