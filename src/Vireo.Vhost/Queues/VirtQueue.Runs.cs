using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Vireo.Platform;
using Vireo.Vhost.Memory;

namespace Vireo.Vhost.Queues;

/// <summary>
/// The fast way for devices that move many small buffers: those that are one descriptor each are taken off and given back many at a time.
/// Whatever is not so simple (chains, tables of descriptors, a buffer across regions, anything wrong) is left for <see cref="TryPop"/>,
/// and so is a queue whose requests or pages are tracked.
/// </summary>
public sealed unsafe partial class VirtQueue
{
    private const int CacheLineBytes = 64;

    /// <summary>Takes the next buffers off the ring, as long as each is one descriptor.</summary>
    /// <param name="runs">How many at most; filled from the front. Those taken are given back before the device's call ends.</param>
    /// <param name="writable">Whether the device wants to write, or to read.</param>
    /// <returns>How many were taken. Zero says nothing about what <see cref="TryPop"/> would find.</returns>
    public int TakeRuns(Span<BufferRun> runs, bool writable)
    {
        if (!IsRunning || _inflight is not null || _log is not null)
        {
            return 0;
        }

        var available = (ushort)(_seenAvailable - _nextAvailable);
        if (available < runs.Length && TrySeeMore())
        {
            available = (ushort)(_seenAvailable - _nextAvailable);
        }

        var wanted = Math.Min(Math.Min(runs.Length, IsRunning ? available : 0), Size - InFlight);
        wanted = TakeHeads(runs[..wanted]);
        var table = (RingDescriptor*)_addresses.Descriptors;
        var region = default(MappedRange);
        var taken = 0;
        for (; taken < wanted; taken++)
        {
            // SAFETY: the session keeps the table mapped while the queue runs, and the index was checked. The descriptor is copied once, so
            // that the checks and the use see the same values.
            ref var run = ref runs[taken];
            var descriptor = Unsafe.ReadUnaligned<RingDescriptor>(table + run.Head);
            if (descriptor.HasNext || descriptor.IsIndirect || descriptor.IsWritable != writable || descriptor.Length > int.MaxValue)
            {
                break;
            }

            // One region serves nearly all buffers of a batch.
            if (!region.Holds(descriptor.Address, descriptor.Length)
                && !(_memory.TryFind(descriptor.Address, out region) && region.Holds(descriptor.Address, descriptor.Length)))
            {
                break;
            }

            run.Address = region.Host + (nint)(descriptor.Address - region.Start);
            run.LengthBytes = (int)descriptor.Length;
            run.WrittenBytes = 0;
            if (Sse.IsSupported)
            {
                // A short frame with its header, which rarely begins on a cache line.
                Sse.Prefetch0((void*)run.Address);
                Sse.Prefetch0((void*)(run.Address + CacheLineBytes));
            }
        }

        _nextAvailable = (ushort)(_nextAvailable + taken);
        InFlight += taken;
        return taken;
    }

    /// <summary>Reads the next heads off the available ring and has the processor fetch their descriptors.</summary>
    /// <returns>How many there are before the first one that makes no sense.</returns>
    private int TakeHeads(Span<BufferRun> runs)
    {
        var entries = (ushort*)(_addresses.Available + RingHeaderBytes);
        var table = (RingDescriptor*)_addresses.Descriptors;
        var mask = Size - 1;
        for (var i = 0; i < runs.Length; i++)
        {
            // SAFETY: the session keeps ring and table mapped while the queue runs; the entry's index is masked to the ring.
            var head = Volatile.Read(ref entries[(_nextAvailable + i) & mask]);
            if (head >= Size)
            {
                return i;
            }

            runs[i].Head = head;
            if (Sse.IsSupported)
            {
                Sse.Prefetch0(table + head);
            }
        }

        return runs.Length;
    }

    /// <summary>Gives back the last <paramref name="count"/> runs, or buffers, that were taken off, as if they had not been.</summary>
    public void ReturnUntouched(int count)
    {
        Invariant.Check(count <= InFlight);
        _nextAvailable = (ushort)(_nextAvailable - count);
        Return(count);
    }

    /// <summary>Puts runs into the used ring (virtio 1.2 2.7.8.2). The driver sees them after <see cref="Publish"/>.</summary>
    public void PushRuns(ReadOnlySpan<BufferRun> runs)
    {
        Invariant.Check(runs.Length <= InFlight);
        var entries = (ulong*)(_addresses.Used + RingHeaderBytes);
        var mask = Size - 1;
        for (var i = 0; i < runs.Length; i++)
        {
            // SAFETY: the session keeps the used ring mapped until nothing is in flight; the index is masked to it. The ring is aligned to
            // four bytes only, and the machines we run on store eight bytes there in one piece or in two: the driver looks later.
            Unsafe.WriteUnaligned(entries + ((_nextUsed + i) & mask), runs[i].Head | ((ulong)runs[i].WrittenBytes << 32));
        }

        _nextUsed = (ushort)(_nextUsed + runs.Length);
        Return(runs.Length);
    }

    private void Return(int count)
    {
        if (count > 0 && (InFlight -= count) == 0 && !_running)
        {
            _owner.QueueDrained();
        }
    }
}
