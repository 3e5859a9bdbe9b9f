using System.Buffers;
using Vireo.Machines.Devices;

namespace Vireo.Machines.Running;

/// <summary>
/// Bounds of the header of a saved state: the file may come from elsewhere. What is within them may still be wrong, which QEMU notices when it reads
/// the state; but it neither takes this process's memory nor grows when it is written again.
/// </summary>
internal static class SavedStateSanity
{
    private const long MaximumMemoryBytes = 1L << 40;
    private const int MaximumPlaces = 256;
    private const int MaximumPlace = 255;
    private const int MaximumNodes = 64;
    private const int MaximumProcessors = 64;
    private const int MaximumHostNode = 1023;
    private const int MaximumTextLength = 100;

    // Nothing that becomes longer as JSON.
    private static readonly SearchValues<char> s_nameCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:");

    /// <summary>The first thing that is out of bounds, or null.</summary>
    public static string? Problem(SavedStateHeader header)
    {
        if (!IsName(header.MachineType) || header.QemuVersion is not { Length: <= MaximumTextLength } version || version.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            return "The machine type or the version of QEMU is no such text.";
        }

        if (header.Slots is not { Places: not null, Ports: >= 0 and <= DeviceSlots.MaximumPorts })
        {
            return "The number of places of devices is out of bounds.";
        }

        if (header.Slots.Places.Count > MaximumPlaces || header.Slots.Places.Any(static place => place.Value is < 0 or > MaximumPlace || !IsName(place.Key)))
        {
            return "A place of a device is out of bounds.";
        }

        if (header.AssignedBytes is < 0 or > MaximumMemoryBytes)
        {
            return "The memory of the guest is out of bounds.";
        }

        return header.Memory is null || IsWithin(header.Memory) ? null : "The layout of memory is out of bounds.";
    }

    private static bool IsWithin(MemoryLayout layout) =>
        layout is { GrowthBytes: >= 0 and <= MaximumMemoryBytes, Sockets: > 0 and <= MaximumProcessors, ThreadsPerCore: > 0 and <= MaximumProcessors, Nodes.Count: <= MaximumNodes }
        && layout.GrowthBytes % MemoryLayout.StepBytes == 0
        && layout.Nodes.All(static node => node is { Bytes: >= 0 and <= MaximumMemoryBytes, Processors: >= 0 and <= MaximumProcessors, HostNode: null or (>= 0 and <= MaximumHostNode) });

    private static bool IsName(string? text) => text is { Length: > 0 and <= MaximumTextLength } && !text.AsSpan().ContainsAnyExcept(s_nameCharacters);
}
