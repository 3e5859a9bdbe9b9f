using System.Text;
using Vireo.Disks;
using Vireo.Platform.Events;
using Vireo.Storage.Stacks;
using Vireo.Vhost;
using Vireo.Vhost.Protocol;
using Vireo.Vhost.Queues;

namespace Vireo.Storage.FrontEnds.VhostUserBlock;

/// <summary>
/// A disk stack as a virtio block device (virtio 1.2 5.2). Data moves straight between the image and the guest's memory. Requests are
/// submitted in the order of the ring and complete in any order; there is always a cache to flush, so that only a flush promises
/// durability. After a kill the requests in flight are submitted again, see the inflight region.
/// </summary>
internal sealed class VhostUserBlockDevice : IVhostUserDevice
{
    /// <summary>Requests begun per turn, so that control messages and other queues get theirs.</summary>
    private const int RequestsPerTurn = 64;

    private readonly byte[] _config;
    private readonly Flusher[] _flushers;
    private readonly HeldRequests? _held;
    private BlockRequest? _free;

    /// <summary>A device that nobody is connected to.</summary>
    /// <param name="disk">What it serves.</param>
    /// <param name="id">Its name for the guest.</param>
    /// <param name="queues">How many queues it has.</param>
    /// <param name="reactor">Where it lives.</param>
    /// <param name="stalled">Told when the guest begins and ends to wait for the storage below; null for one that gets the errors instead.</param>
    public VhostUserBlockDevice(DiskStack disk, Guid id, int queues, Reactor reactor, Action<BlockStatus?>? stalled = null)
    {
        _held = stalled is null ? null : new HeldRequests(reactor, stalled);
        Disk = disk;
        Reactor = reactor;
        QueueCount = queues;
        Id = new byte[VirtioBlock.IdBytes];
        Encoding.ASCII.GetBytes(id.ToString("N").AsSpan(0, VirtioBlock.IdBytes), Id);
        _config = VirtioBlock.Config(disk.Geometry, queues);
        _flushers = new Flusher[queues];
        for (var i = 0; i < queues; i++)
        {
            _flushers[i] = new Flusher();
        }
    }

    public DiskStack Disk { get; }

    public Reactor Reactor { get; }

    /// <summary>What a guest sees as the disk's serial number.</summary>
    public byte[] Id { get; }

    public int QueueCount { get; }

    /// <summary>What the guest has moved so far.</summary>
    public BlockCounters Counters { get; } = new();

    public ulong Features =>
        VirtioBlock.SegmentCountFeature | VirtioBlock.BlockSizeFeature | VirtioBlock.FlushFeature | VirtioBlock.TopologyFeature
        | VirtioBlock.MultipleQueuesFeature
        | (Disk.Capabilities.ReadOnly
            ? VirtioBlock.ReadOnlyFeature
            : (Disk.Capabilities.Trim != Capability.None ? VirtioBlock.DiscardFeature : 0)
              | (Disk.Capabilities.WriteZeroes != Capability.None ? VirtioBlock.WriteZeroesFeature : 0));

    public VhostUserProtocolFeatures ProtocolFeatures => VhostUserProtocolFeatures.Config | VhostUserProtocolFeatures.InflightSharedMemory;

    public void FeaturesNegotiated(ulong features)
    {
        // Requests beyond what was negotiated harm nobody: the disk checks them as it checks all others.
    }

    public void QueueStarted(VirtQueue queue)
    {
    }

    /// <summary>What is held is taken up again when the queue goes on.</summary>
    public void QueuePaused(VirtQueue queue)
    {
        foreach (var request in _held?.Take(queue) ?? [])
        {
            PutAside(request);
        }
    }

    public void QueueStopping(VirtQueue queue)
    {
        // What is in flight completes by itself, and a queue that stops is paused first.
    }

    public void QueueStopped(VirtQueue queue)
    {
    }

    public bool Service(VirtQueue queue)
    {
        var begun = 0;
        for (; begun < RequestsPerTurn; begun++)
        {
            var request = Take();
            if (!queue.TryPop(request.Chain))
            {
                Release(request);
                break;
            }

            if (request.Begin(queue) && request.Chain.IsInUse)
            {
                request.Finish();
            }
        }

        queue.Publish();
        queue.Notify();
        return begun > 0;
    }

    public bool TryReadConfig(int offsetBytes, Span<byte> destination)
    {
        // Newer front ends ask for fields that belong to features we do not offer; these read as zero.
        destination.Clear();
        if (offsetBytes < _config.Length)
        {
            _config.AsSpan(offsetBytes, Math.Min(destination.Length, _config.Length - offsetBytes)).CopyTo(destination);
        }

        return true;
    }

    /// <summary>A request has been put into the used ring of <paramref name="queue"/>; the driver is told of all that complete in this turn at once.</summary>
    public void Completed(VirtQueue queue)
    {
        var flusher = _flushers[queue.Index];
        flusher.Queue = queue;
        if (!flusher.IsPosted)
        {
            flusher.IsPosted = true;
            Reactor.Post(flusher);
        }
    }

    /// <summary>Takes a request back for later use.</summary>
    public void Release(BlockRequest request)
    {
        if (request.WasHeld)
        {
            _held!.Forget(request);
        }

        request.NextFree = _free;
        _free = request;
    }

    /// <summary>Keeps a request that failed, to try it again.</summary>
    /// <returns>False when the guest is to get the error.</returns>
    public bool TryHold(BlockRequest request, BlockStatus why)
    {
        if (_held is not { } held || !request.MayBeHeld || !held.TryHold(request, why))
        {
            return false;
        }

        if (!request.Queue.IsRunning)
        {
            QueuePaused(request.Queue);
        }

        return true;
    }

    private void PutAside(BlockRequest request)
    {
        // A queue that remembers nothing may be about to stop for good.
        if (!request.Queue.RemembersInFlight)
        {
            request.Complete();
            return;
        }

        request.Queue.Leave(request.Chain);
        Release(request);
    }

    /// <summary>Counts a finished request.</summary>
    public void Count(uint type, BlockStatus result, int dataBytes)
    {
        if (result != BlockStatus.Ok)
        {
            Counters.Failures++;
        }
        else if (type == VirtioBlock.Read)
        {
            Counters.Reads++;
            Counters.BytesRead += dataBytes;
        }
        else if (type == VirtioBlock.Write)
        {
            Counters.Writes++;
            Counters.BytesWritten += dataBytes;
        }
    }

    /// <summary>A queue has at most as many requests in flight as descriptors, so after a while there is always a free one.</summary>
    private BlockRequest Take()
    {
        var request = _free;
        if (request is null)
        {
            return new BlockRequest(this);
        }

        _free = request.NextFree;
        request.NextFree = null;
        return request;
    }

    /// <summary>Tells the driver of what completed; posted, so that it runs once after all completions that are at hand.</summary>
    private sealed class Flusher : ReactorWork
    {
        public bool IsPosted { get; set; }

        public VirtQueue? Queue { get; set; }

        protected override void Run()
        {
            IsPosted = false;
            var queue = Queue!;
            Queue = null;

            // A queue that was stopped meanwhile has been flushed, and its memory may be gone.
            if (queue.IsStarted)
            {
                queue.Publish();
                queue.Notify();
            }
        }
    }
}
