using System.Collections.Concurrent;
using Vireo.Vhost.Protocol;
using Vireo.Vhost.Queues;

namespace Vireo.Vhost.Tests.Support;

/// <summary>
/// A device that copies what it may read to what it may write. It can be told to hold requests, as a device with asynchronous I/O does.
/// </summary>
public sealed class EchoDevice : IVhostUserDevice
{
    private readonly Stack<DescriptorChain> _free = new();
    private readonly byte[] _buffer = new byte[65536];

    public EchoDevice(int queues = 2)
    {
        QueueCount = queues;
        for (var i = 0; i < 1024; i++)
        {
            _free.Push(new DescriptorChain());
        }
    }

    public ulong Features => 1UL << 5;

    public VhostUserProtocolFeatures ProtocolFeatures =>
        VhostUserProtocolFeatures.Config | VhostUserProtocolFeatures.InflightSharedMemory | VhostUserProtocolFeatures.Rarp
        | VhostUserProtocolFeatures.Mtu;

    public int QueueCount { get; }

    public byte[] Config { get; } = [1, 2, 3, 4, 5, 6, 7, 8];

    public ulong NegotiatedFeatures { get; private set; }

    public byte[]? Announced { get; private set; }

    /// <summary>Requests are kept until <see cref="Release"/>.</summary>
    public bool Hold { get; set; }

    /// <summary>Buffers are taken off and given back unused this many times first.</summary>
    public int Rewinds { get; set; }

    public ConcurrentQueue<ushort> Heads { get; } = new();

    public List<(VirtQueue Queue, DescriptorChain Chain)> Held { get; } = [];

    public ConcurrentQueue<string> Calls { get; } = new();

    public void FeaturesNegotiated(ulong features) => NegotiatedFeatures = features;

    /// <summary>A queue whose buffers are taken at another time than when they are added.</summary>
    public int? QueueWithoutKicks { get; set; }

    public void QueueStarted(VirtQueue queue)
    {
        queue.WantsKicks = queue.Index != QueueWithoutKicks;
        Calls.Enqueue($"started {queue.Index}");
    }

    public void QueueStopping(VirtQueue queue) => Calls.Enqueue($"stopping {queue.Index}");

    public void QueueStopped(VirtQueue queue) => Calls.Enqueue($"stopped {queue.Index}");

    public bool Service(VirtQueue queue)
    {
        var worked = false;
        while (_free.TryPeek(out var chain) && queue.TryPop(chain))
        {
            worked = true;
            if (Rewinds > 0)
            {
                Rewinds--;
                queue.Rewind(chain);
                continue;
            }

            _free.Pop();
            Heads.Enqueue(chain.Head);
            if (Hold)
            {
                Held.Add((queue, chain));
            }
            else
            {
                Complete(queue, chain);
            }
        }

        queue.Publish();
        queue.Notify();
        return worked;
    }

    /// <summary>On the reactor: completes what is held, the youngest first if <paramref name="reverse"/>.</summary>
    public void Release(bool reverse = false)
    {
        if (reverse)
        {
            Held.Reverse();
        }

        foreach (var (queue, chain) in Held)
        {
            Complete(queue, chain);
            queue.Publish();
            queue.Notify();
        }

        Held.Clear();
    }

    /// <summary>On the reactor, once the queues stop: gives up what is held as if it had never been taken.</summary>
    public void Abandon()
    {
        Held.Reverse();
        foreach (var (queue, chain) in Held)
        {
            queue.Rewind(chain);
        }

        Held.Clear();
    }

    public bool TryReadConfig(int offsetBytes, Span<byte> destination)
    {
        if (offsetBytes + destination.Length > Config.Length)
        {
            return false;
        }

        Config.AsSpan(offsetBytes, destination.Length).CopyTo(destination);
        return true;
    }

    public bool TryWriteConfig(int offsetBytes, ReadOnlySpan<byte> source, bool isMigration)
    {
        if (offsetBytes + source.Length > 4)
        {
            return false;
        }

        source.CopyTo(Config.AsSpan(offsetBytes));
        return true;
    }

    public void Announce(ReadOnlySpan<byte> address) => Announced = address.ToArray();

    public bool TrySetMtu(int bytes) => bytes <= 9000;

    private void Complete(VirtQueue queue, DescriptorChain chain)
    {
        var length = Math.Min(_buffer.Length, chain.ReadableBytes);
        Assert.True(chain.TryTakeReadable(_buffer.AsSpan(0, length)));
        var written = chain.Write(_buffer.AsSpan(0, length));
        queue.Push(chain, (uint)written);
        _free.Push(chain);
    }
}
