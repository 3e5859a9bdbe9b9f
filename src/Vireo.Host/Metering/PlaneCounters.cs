using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Control.Switching;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Metering;

/// <summary>What the planes have counted, by drive and by adapter, read at one moment. A plane that does not answer tells nothing.</summary>
/// <param name="Disks">Null when the storage plane does not answer.</param>
/// <param name="Ports">Null when the switch plane does not answer.</param>
internal sealed record PlaneCounters(IReadOnlyDictionary<Guid, DiskCounters>? Disks, IReadOnlyDictionary<Guid, PortStatus>? Ports)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    /// <summary>Nothing was asked.</summary>
    public static PlaneCounters None { get; } = new(null, null);

    /// <summary>Asks both planes; neither is waited for when it is away, nor for long when it hangs: a machine that is being turned off waits for this.</summary>
    public static async Task<PlaneCounters> ReadAsync(IStorageControl storage, ISwitchControl switching, TimeProvider time, CancellationToken cancellation)
    {
        var disks = TryAskAsync(storage.ListCountersAsync, time, cancellation);
        var ports = TryAskAsync(switching.ListPortsAsync, time, cancellation);
        return new PlaneCounters(
            (await disks)?.ToDictionary(static disk => disk.Disk),
            (await ports)?.ToDictionary(static port => port.Port.Id));
    }

    /// <summary>Counters of a machine's disks and ports.</summary>
    public IEnumerable<CounterReading> Of(VirtualMachineConfiguration machine)
    {
        foreach (var drive in machine.Drives.Where(Vireo.Commands.Services.MeterSupport.IsMetered))
        {
            if (Disks is not null && Disks.TryGetValue(drive.Id, out var disk))
            {
                yield return new CounterReading(
                    DiskKey(drive.Id), drive.Id, disk.Generation.ToString("N"), [disk.BytesRead, disk.BytesWritten, disk.Operations, disk.NormalizedOperations, disk.LatencyUs]);
            }
        }

        foreach (var adapter in machine.NetworkAdapters)
        {
            if (Ports is null || !Ports.TryGetValue(adapter.Id, out var port))
            {
                continue;
            }

            if (port.Generation != Guid.Empty)
            {
                yield return new CounterReading(PortKey(adapter.Id), adapter.Id, port.Generation.ToString("N"), [port.Statistics.BytesOut, port.Statistics.BytesIn]);
            }

            foreach (var rule in (port.Acls ?? []).Where(static one => one.Rule.Action == PortAclAction.Meter))
            {
                yield return new CounterReading(RuleKey(adapter.Id, rule.Rule), adapter.Id, rule.Generation.ToString("N"), [rule.Bytes], rule.BytesBefore);
            }
        }
    }

    /// <summary>Key of a disk's counters: bytes read, bytes written, operations, normalised operations, microseconds.</summary>
    public static string DiskKey(Guid drive) => $"disk {drive:N}";

    /// <summary>Key of a port's counters: bytes to the guest, bytes from it.</summary>
    public static string PortKey(Guid adapter) => $"port {adapter:N}";

    /// <summary>Key of a rule's counter: bytes.</summary>
    public static string RuleKey(Guid adapter, PortAclSpecification rule) => $"rule {adapter:N} {rule.Direction} {rule.Local} {rule.Remote}";

    /// <summary>What a plane answers; null when it refuses, is being restarted or does not answer in a few seconds. What it counted is read when it is back.</summary>
    public static async Task<T?> TryAskAsync<T>(Func<CancellationToken, Task<T>> ask, TimeProvider time, CancellationToken cancellation)
        where T : class
    {
        using var limit = new CancellationTokenSource(s_patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            return await ask(either.Token);
        }
        catch (ControlException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return null;
        }
    }
}
