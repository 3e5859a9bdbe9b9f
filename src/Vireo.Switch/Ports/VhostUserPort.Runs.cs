using System.Runtime.CompilerServices;
using Vireo.Platform.Memory;
using Vireo.Switch.Offloads;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;
using Vireo.Vhost.Queues;

namespace Vireo.Switch.Ports;

/// <summary>
/// The fast way through a guest's port: buffers of one descriptor each, many at a time. A long frame's headers are copied here; what is
/// behind them stays in the sender's memory, whose buffers are given back only when the frame has reached its receivers.
/// </summary>
internal sealed unsafe partial class VhostUserPort
{
    private const int LastFieldOffset = 10;

    private readonly BufferRun[] _runsFromGuest = new BufferRun[FrameBatch.FramesMax];
    private readonly BufferRun[] _runsToGuest = new BufferRun[FrameBatch.FramesMax];

    /// <returns>How many buffers were taken.</returns>
    private int TakeRuns(VirtQueue queue, PortState port)
    {
        var batch = Forwarder!.Ingress;
        var runs = _runsFromGuest.AsSpan();
        var count = queue.TakeRuns(runs, writable: false);
        if (count == 0)
        {
            return 0;
        }

        for (var i = 0; i < count; i++)
        {
            if (batch.IsFull)
            {
                // Long frames fill a batch sooner.
                Forwarder.Forward(port);
            }

            TakeRun(runs[i], batch, port);
        }

        if (!batch.Live.IsEmpty)
        {
            Forwarder.Forward(port);
        }

        queue.PushRuns(runs[..count]);
        queue.Publish();
        queue.Notify();
        return count;
    }

    private void TakeRun(in BufferRun run, FrameBatch batch, PortState port)
    {
        var length = run.LengthBytes - _headerBytes;
        if (length is < 0 or > FrameBatch.FrameBytesMax)
        {
            port.Dropped[(length < 0 ? DropReason.Malformed : DropReason.TooLong).Id]++;
            return;
        }

        // SAFETY: the run is mapped until it is pushed, and all reads lie inside it. The header is copied once and used from the copy.
        Unsafe.SkipInit(out ulong header);
        var place = (byte*)run.Address;
        header = Unsafe.ReadUnaligned<ulong>(place);
        var offload = default(FrameOffload);
        var sound = true;
        if (header != 0)
        {
            sound = NetworkHeader.TryDecode(header, Unsafe.ReadUnaligned<ushort>(place + sizeof(ulong)), out offload);
        }

        place += _headerBytes;
        var head = Math.Min(length, FrameBatch.HeadBytesMax);
        fixed (byte* to = batch.Append(length, head, head == length ? 0 : (nint)(place + head), offload))
        {
            ShortCopy.Copy(place, to, head);
        }

        if (!sound)
        {
            batch.Drop(batch.Live[^1], DropReason.Malformed);
        }
    }

    /// <summary>What of a frame is still in its sender's memory.</summary>
    private static ReadOnlySpan<byte> RestOf(FrameBatch batch, ushort index)
    {
        ref var frame = ref batch[index];

        // SAFETY: the rest of a frame stays mapped until its batch is cleared, because its sender's buffer is given back only then.
        return frame.Rest == 0 ? [] : new ReadOnlySpan<byte>((void*)frame.Rest, frame.Length - frame.HeadBytes);
    }

    /// <returns>How many of the live frames, from the first one on, were handed over.</returns>
    private int GiveRuns(VirtQueue queue, FrameBatch batch)
    {
        var live = batch.Live;
        var runs = _runsToGuest.AsSpan(0, live.Length);
        var count = queue.TakeRuns(runs, writable: true);
        var given = 0;
        while (given < count && GiveRun(ref runs[given], batch, live[given]))
        {
            given++;
        }

        queue.ReturnUntouched(count - given);
        queue.PushRuns(runs[..given]);
        return given;
    }

    /// <returns>False, and nothing is written, when the frame needs more than this buffer.</returns>
    private bool GiveRun(ref BufferRun run, FrameBatch batch, ushort index)
    {
        ref var frame = ref batch[index];
        var needed = _headerBytes + frame.Length;
        if (run.LengthBytes < needed)
        {
            return false;
        }

        // SAFETY: the run is mapped until it is pushed and was found long enough; the rest of a frame stays mapped until its batch is
        // cleared, because its sender's buffer is given back only then.
        var place = (byte*)run.Address;
        var head = batch.Head(index);
        if (frame.Offload == default)
        {
            Unsafe.WriteUnaligned(place, 0UL);
            Unsafe.WriteUnaligned(place + sizeof(ulong), (ushort)0);
            if (_headerBytes > LastFieldOffset)
            {
                Unsafe.WriteUnaligned(place + LastFieldOffset, (ushort)1);
            }
        }
        else
        {
            NetworkHeader.Encode(frame.Offload, new Span<byte>(place, _headerBytes));
        }

        place += _headerBytes;
        fixed (byte* from = head)
        {
            ShortCopy.Copy(from, place, head.Length);
        }

        if (frame.Rest != 0)
        {
            new ReadOnlySpan<byte>((void*)frame.Rest, frame.Length - head.Length).CopyTo(new Span<byte>(place + head.Length, frame.Length - head.Length));
        }

        run.WrittenBytes = (uint)needed;
        return true;
    }
}
