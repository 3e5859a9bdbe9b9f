using Vireo.Host.Machines;
using Vireo.Host.Mobility.Protocol;

namespace Vireo.Host.Mobility;

/// <summary>What this host is for a guest that comes or goes while it runs.</summary>
internal static class MoveHost
{
    private const string ProcessorFile = "/proc/cpuinfo";
    private static readonly Lazy<(string Vendor, IReadOnlyList<string> Features)> s_processor = new(Read);

    /// <summary>The facts.</summary>
    public static MoveHostFacts Describe(UnitServices services) =>
        new(services.Accelerator.ToString(), services.Connector.Disks.ToString(), s_processor.Value.Vendor, s_processor.Value.Features);

    /// <summary>Reads what the kernel says of a processor.</summary>
    public static (string Vendor, IReadOnlyList<string> Features) Parse(IEnumerable<string> lines)
    {
        string? vendor = null;
        string[]? features = null;
        foreach (var line in lines)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var (key, value) = colon < 0 ? (line.Trim(), "") : (line[..colon].Trim(), line[(colon + 1)..].Trim());
            vendor ??= key == "vendor_id" ? value : null;
            features ??= key == "flags" ? value.Split(' ', StringSplitOptions.RemoveEmptyEntries) : null;
        }

        return (vendor ?? "", features ?? []);
    }

    private static (string Vendor, IReadOnlyList<string> Features) Read() => Parse(File.Exists(ProcessorFile) ? File.ReadLines(ProcessorFile) : []);
}
