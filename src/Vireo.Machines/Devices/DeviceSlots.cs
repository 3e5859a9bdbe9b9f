using System.Globalization;

namespace Vireo.Machines.Devices;

/// <summary>
/// Where devices sit on the PCI bus. A guest's saved memory names devices by their place, so places are written down with the running
/// machine and with its saved state, and given again; a new device takes the lowest free place.
/// </summary>
public sealed record DeviceSlots
{
    /// <summary>Places 6 to 31 of the root bus of generation 1; those below are the machine's own.</summary>
    private const int FirstSlot = 6;
    private const int LastSlot = 31;

    /// <summary>Free places that a generation 2 machine starts with, for drives added while it runs.</summary>
    private const int SpareSlots = 4;

    /// <summary>Most root ports: 16 places of 8 functions, less the machine's own.</summary>
    internal const int MaximumPorts = 96;

    /// <summary>Place of each device: a slot of the root bus (generation 1) or the number of a root port (generation 2).</summary>
    public IReadOnlyDictionary<string, int> Places { get; set; } = new Dictionary<string, int>(StringComparer.Ordinal);

    /// <summary>Root ports of the machine (generation 2).</summary>
    public int Ports { get; set; }

    /// <summary>Places for a machine that is about to start with <paramref name="devices"/>, keeping those they had.</summary>
    /// <exception cref="MachineException">There are more devices than places.</exception>
    public static DeviceSlots Plan(int generation, IReadOnlyList<string> devices, DeviceSlots? previous = null)
    {
        var slots = (previous ?? new()) with
        {
            Ports = generation == 1 ? 0 : Math.Max(previous?.Ports ?? 0, Math.Min(MaximumPorts, devices.Count + SpareSlots)),
            Places = (previous?.Places ?? new Dictionary<string, int>(StringComparer.Ordinal))
                .Where(place => devices.Contains(place.Key, StringComparer.Ordinal))
                .ToDictionary(StringComparer.Ordinal),
        };
        return devices.Aggregate(slots, (current, device) => current.Add(generation, device));
    }

    /// <summary>The same with a place for <paramref name="device"/>.</summary>
    /// <exception cref="MachineException">All places are taken.</exception>
    public DeviceSlots Add(int generation, string device)
    {
        if (Places.ContainsKey(device))
        {
            return this;
        }

        var (first, last) = generation == 1 ? (FirstSlot, LastSlot) : (0, Ports - 1);
        var taken = Places.Values.ToHashSet();
        for (var place = first; place <= last; place++)
        {
            if (!taken.Contains(place))
            {
                return this with { Places = new Dictionary<string, int>(Places, StringComparer.Ordinal) { [device] = place } };
            }
        }

        throw new MachineException(
            MachineErrorKind.NotSupported,
            generation == 1
                ? $"The virtual machine has no place for another device: a generation 1 machine holds {LastSlot - FirstSlot + 1} network adapters and SCSI disks together."
                : $"The virtual machine has no place for another device: it was started with {Ports}. Restart it, or use fewer devices (at most {MaximumPorts}).");
    }

    /// <summary>The same without <paramref name="device"/>.</summary>
    public DeviceSlots Remove(string device) =>
        this with { Places = Places.Where(place => place.Key != device).ToDictionary(StringComparer.Ordinal) };

    /// <summary>Puts a device in its place.</summary>
    internal QemuOption Place(int generation, string device, QemuOption option) => generation == 1
        ? option.With("bus", "pci.0").With("addr", string.Create(CultureInfo.InvariantCulture, $"0x{Places[device]:x}"))
        : option.With("bus", Port(Places[device])).With("addr", "0x0");

    /// <summary>The root ports, 8 functions to a slot of the root complex.</summary>
    /// <param name="withPorts">Devices that have I/O ports. The others need none, and there is not enough of them for every root port.</param>
    internal IEnumerable<QemuOption> RootPorts(IReadOnlyList<string> withPorts)
    {
        const int FirstPortSlot = 8;
        for (var port = 0; port < Ports; port++)
        {
            var option = new QemuOption("-device", "pcie-root-port")
                .With("id", Port(port)).With("chassis", port + 1).With("bus", "pcie.0")
                .With("addr", string.Create(CultureInfo.InvariantCulture, $"0x{FirstPortSlot + (port / 8):x}.0x{port % 8:x}"));
            if (!withPorts.Any(device => Places[device] == port))
            {
                option.With("io-reserve", 0);
            }

            yield return port % 8 == 0 ? option.With("multifunction", true) : option;
        }
    }

    private static string Port(int number) => string.Create(CultureInfo.InvariantCulture, $"port{number}");
}
