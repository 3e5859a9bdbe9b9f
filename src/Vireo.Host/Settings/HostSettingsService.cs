using System.Net;
using System.Reflection;
using Vireo.Commands.Services;
using Vireo.Host.Machines.Memory;
using Vireo.Host.Store;
using Vireo.Platform.Memory;

namespace Vireo.Host.Settings;

/// <summary>Settings of the host, in <c>host.json</c>, and what the host is.</summary>
public sealed class HostSettingsService : IHostSettings
{
    private const int NewestVersion = 1;
    private readonly string _file;
    private readonly Lock _change = new();
    private volatile HostSettings _current;

    /// <summary>Reads the settings, or makes those of a new host; the pool of MAC addresses is chosen by chance, so that two hosts on one network differ.</summary>
    public HostSettingsService(string stateFolder, string accelerator, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        _file = Path.Combine(stateFolder, "host.json");
        _current = JsonFile.Read(_file, StoreJson.Default.HostSettings, static settings => settings.FormatVersion, NewestVersion) ?? New(stateFolder, random);
        Facts = new HostFacts(
            Environment.MachineName, Dns.GetHostName(), Environment.ProcessorCount, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, accelerator,
            typeof(HostSettingsService).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0")
        {
            Topology = MemoryLayouts.Describe(NumaTopology.Read()),
        };
    }

    /// <inheritdoc/>
    public HostSettings Current => _current;

    /// <inheritdoc/>
    public HostFacts Facts { get; }

    /// <inheritdoc/>
    public HostSettings Change(Func<HostSettings, HostSettings> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        lock (_change)
        {
            var changed = change(_current);
            JsonFile.Write(_file, changed, StoreJson.Default.HostSettings);
            return _current = changed;
        }
    }

    private HostSettings New(string stateFolder, Random random)
    {
        var pool = $"00155D{random.Next(0x10000):X4}";
        var settings = new HostSettings
        {
            VirtualHardDiskPath = Path.Combine(stateFolder, "Virtual Hard Disks"),
            VirtualMachinePath = Path.Combine(stateFolder, "VMs"),
            MacAddressMinimum = pool + "00",
            MacAddressMaximum = pool + "FF",
        };
        JsonFile.Write(_file, settings, StoreJson.Default.HostSettings);
        return settings;
    }
}
