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
    private BlockRequest? _free;

    public VhostUserBlockDevice(DiskStack disk, Guid id, int queues, Reactor reactor)
    {
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

    public void QueueStopping(VirtQueue queue)
    {
        // What is in flight completes by itself.
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
        request.NextFree = _free;
        _free = request;
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
