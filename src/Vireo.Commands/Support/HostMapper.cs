using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Services;

namespace Vireo.Commands.Support;

/// <summary>The host as an object of the model.</summary>
public static class HostMapper
{
    /// <summary>The host.</summary>
    public static VMHost Host(IHostSettings host)
    {
        ArgumentNullException.ThrowIfNull(host);
        var (settings, facts) = (host.Current, host.Facts);
        return new VMHost
        {
            ComputerName = facts.Name,
            Name = facts.Name,
            FullyQualifiedDomainName = facts.FullyQualifiedDomainName,
            LogicalProcessorCount = facts.LogicalProcessorCount,
            MemoryCapacity = facts.MemoryCapacityBytes,
            VirtualHardDiskPath = settings.VirtualHardDiskPath,
            VirtualMachinePath = settings.VirtualMachinePath,
            MacAddressMinimum = settings.MacAddressMinimum,
            MacAddressMaximum = settings.MacAddressMaximum,
            NumaSpanningEnabled = settings.NumaSpanningEnabled,
            ResourceMeteringSaveInterval = settings.ResourceMeteringSaveInterval,
            MaximumStorageMigrations = settings.MaximumStorageMigrations,
            VirtualMachineMigrationEnabled = settings.VirtualMachineMigrationEnabled,
            MaximumVirtualMachineMigrations = settings.MaximumVirtualMachineMigrations,
            VirtualMachineMigrationAuthenticationType = MigrationAuthenticationType.Certificate,
            VirtualMachineMigrationPerformanceOption = settings.VirtualMachineMigrationPerformanceOption,
            VirtualMachineMigrationMaximumBandwidth = settings.VirtualMachineMigrationMaximumBandwidth,
            VirtualMachineMigrationDowntimeLimit = settings.VirtualMachineMigrationDowntimeLimit,
            VirtualMachineMigrationAutoConverge = settings.VirtualMachineMigrationAutoConverge,
            VirtualMachineMigrationChannels = settings.VirtualMachineMigrationChannels,
            UseAnyNetworkForMigration = settings.UseAnyNetworkForMigration,
            PeerPort = settings.PeerPort,
            ParentPathMap = [.. (settings.ParentFolders ?? []).Select(ParentPaths.Write)],
            Accelerator = facts.Accelerator,
            VireoVersion = facts.Version,
            SupportedVmVersions = [ModelMapper.MachineVersion],
        };
    }
}
