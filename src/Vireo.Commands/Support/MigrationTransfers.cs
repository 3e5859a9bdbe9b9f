using System.Globalization;
using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Services;
using Vireo.Machines;

namespace Vireo.Commands.Support;

/// <summary>How the memory of machines travels to other hosts, from the settings of this one.</summary>
public static class MigrationTransfers
{
    /// <summary>Most connections that carry memory side by side.</summary>
    public const int MostChannels = 16;

    private const int BitsInByte = 8;
    private const long LeastBandwidth = 8_000_000;

    // What compresses, compresses what goes over one connection beside others.
    private const int LeastCompressingChannels = 2;
    private static readonly TimeSpan s_leastDowntime = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan s_mostDowntime = TimeSpan.FromMinutes(1);

    /// <summary>What settings make of a transfer.</summary>
    public static TransferSettings Of(HostSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var isCompressed = settings.VirtualMachineMigrationPerformanceOption == VMMigrationPerformance.Compression;
        return new()
        {
            BytesPerSecond = settings.VirtualMachineMigrationMaximumBandwidth / BitsInByte,
            Channels = isCompressed ? Math.Max(LeastCompressingChannels, settings.VirtualMachineMigrationChannels) : settings.VirtualMachineMigrationChannels,
            Compressed = isCompressed,
            Downtime = settings.VirtualMachineMigrationDowntimeLimit,
            SlowsGuest = settings.VirtualMachineMigrationAutoConverge,
        };
    }

    /// <summary>Refuses what cannot be set.</summary>
    /// <exception cref="Framework.CommandException">A value is out of its range.</exception>
    public static void Require(long? bandwidth, TimeSpan? downtime)
    {
        if (bandwidth is { } bits and not 0 && bits is < LeastBandwidth or > BandwidthRules.BandwidthMaximum)
        {
            throw Errors.Invalid(
                string.Create(CultureInfo.InvariantCulture, $"-VirtualMachineMigrationMaximumBandwidth goes from {LeastBandwidth} to {BandwidthRules.BandwidthMaximum} bits a second, or is 0 for no limit; with less no guest comes over."), bandwidth);
        }

        if (downtime < s_leastDowntime || downtime > s_mostDowntime)
        {
            throw Errors.Invalid($"-VirtualMachineMigrationDowntimeLimit lies between {s_leastDowntime:hh\\:mm\\:ss\\.fff} and {s_mostDowntime:hh\\:mm\\:ss}.", downtime);
        }
    }
}
