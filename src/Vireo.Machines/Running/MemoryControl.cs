using System.Text.Json;
using System.Text.Json.Nodes;
using Vireo.Machines.Devices;
using Vireo.Machines.Qmp;

namespace Vireo.Machines.Running;

/// <summary>Looks at the memory of a running guest and changes it. What the guest tells is its own word, and only its own memory depends on it.</summary>
/// <param name="process">Its process.</param>
internal sealed class MemoryControl(MachineProcess process)
{
    private const int SecondsBetweenStatistics = 1;

    private long StartupBytes => process.Record.Configuration.Memory.StartupBytes;

    private long GrowthBytes => process.Record.Plan.Memory.GrowthBytes;

    /// <summary>Memory of the guest.</summary>
    public async Task<MachineMemory> GetAsync(CancellationToken cancellationToken)
    {
        var growth = await GetGrowthAsync(cancellationToken).ConfigureAwait(false);
        var balloon = await process.ExecuteAsync("query-balloon", null, cancellationToken).ConfigureAwait(false);
        var statistics = await process.ExecuteAsync("qom-get", Property(DeviceNames.Balloon, "guest-stats"), cancellationToken).ConfigureAwait(false);
        var told = statistics.Member("last-update").AsNumber();
        if (told == 0)
        {
            // Statistics begin when somebody wants them: asking wakes the guest.
            await SetAsync(DeviceNames.Balloon, "guest-stats-polling-interval", SecondsBetweenStatistics, cancellationToken).ConfigureAwait(false);
        }

        var values = statistics.Member("stats");
        var swapped = Statistic(values, "stat-swap-in") is { } swapIn && Statistic(values, "stat-swap-out") is { } swapOut ? Sum(swapIn, swapOut) : (long?)null;
        var boot = Math.Clamp(balloon.Member("actual").AsNumber(), 0, StartupBytes);
        return new(
            boot + growth.Plugged, Statistic(values, "stat-available-memory"), Statistic(values, "stat-total-memory"), swapped,
            told is > 0 and < int.MaxValue ? DateTimeOffset.FromUnixTimeSeconds(told) : null);
    }

    /// <summary>Asks the guest to have this much memory.</summary>
    public async Task SetAsync(long bytes, CancellationToken cancellationToken)
    {
        var requested = Math.Clamp(bytes - StartupBytes, 0, GrowthBytes) / MemoryLayout.StepBytes * MemoryLayout.StepBytes;
        var growth = await GetGrowthAsync(cancellationToken).ConfigureAwait(false);
        if (growth.Requested != requested)
        {
            await SetAsync(DeviceNames.Growth, "requested-size", requested, cancellationToken).ConfigureAwait(false);
        }

        // What it was asked to unplug before and has not cannot be moved by its kernel: then it gives other memory back.
        var stuck = growth.Requested == requested ? Math.Max(0, growth.Plugged - requested) : 0;
        var boot = Math.Clamp(bytes - stuck, 0, StartupBytes);
        await process.ExecuteAsync("balloon", new JsonObject { ["value"] = boot }, cancellationToken).ConfigureAwait(false);
    }

    private static JsonObject Property(string device, string property) => new() { ["path"] = $"/machine/peripheral/{device}", ["property"] = property };

    private static long Sum(long a, long b) => a > long.MaxValue - b ? long.MaxValue : a + b;

    /// <summary>A value that the guest's driver does not tell is -1, as an unsigned number or not. What it does tell is the guest's word.</summary>
    private static long? Statistic(JsonElement values, string name) =>
        values.FindMember(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) && number >= 0 ? number : null;

    private async Task SetAsync(string device, string property, long value, CancellationToken cancellationToken)
    {
        var arguments = Property(device, property);
        arguments["value"] = value;
        await process.ExecuteAsync("qom-set", arguments, cancellationToken).ConfigureAwait(false);
    }

    private async Task<(long Plugged, long Requested)> GetGrowthAsync(CancellationToken cancellationToken)
    {
        if (GrowthBytes == 0)
        {
            return default;
        }

        var devices = await process.ExecuteAsync("query-memory-devices", null, cancellationToken).ConfigureAwait(false);
        foreach (var device in devices.AsList())
        {
            if (device.Member("type").FindText() == "virtio-mem")
            {
                var data = device.Member("data");
                return (Math.Clamp(data.Member("size").AsNumber(), 0, GrowthBytes), data.Member("requested-size").AsNumber());
            }
        }

        throw new MachineException(MachineErrorKind.ControlLost, "QEMU does not know the device that gives the guest memory.");
    }
}
