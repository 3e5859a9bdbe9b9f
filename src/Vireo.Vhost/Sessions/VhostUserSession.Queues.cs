using System.Numerics;
using Vireo.Platform.Events;
using Vireo.Vhost.Memory;
using Vireo.Vhost.Protocol;
using Vireo.Vhost.Queues;

namespace Vireo.Vhost.Sessions;

/// <content>The messages about queues.</content>
internal sealed partial class VhostUserSession
{
    private SessionQueue? _awaited;
    private GuestMemory? _arriving;

    private string? SetVringSize(ReadOnlySpan<byte> payload)
    {
        if (!TryReadState(payload, out var queue, out var size, out var reason))
        {
            return reason;
        }

        if (queue.Queue is not null || size == 0 || size > _device.QueueSizeMax || !BitOperations.IsPow2(size))
        {
            return queue.Queue is not null ? "the queue is started" : $"a queue of {size} descriptors is not possible";
        }

        queue.Size = (int)size;
        return null;
    }

    private string? SetVringBase(ReadOnlySpan<byte> payload)
    {
        if (!TryReadState(payload, out var queue, out var position, out var reason))
        {
            return reason;
        }

        if (queue.Queue is not null || position > ushort.MaxValue)
        {
            return queue.Queue is not null ? "the queue is started" : $"{position} is not an index of a ring";
        }

        queue.Base = (ushort)position;
        return null;
    }

    private string? SetVringAddress(ReadOnlySpan<byte> payload)
    {
        if (!TryRead<VringAddress>(payload, out var address, out var reason))
        {
            return reason;
        }

        if (address.Index >= _queues.Length)
        {
            return $"there is no queue {address.Index}";
        }

        var queue = _queues[address.Index];
        if (queue.Queue is { } running)
        {
            // A migration sends the same addresses again with logging switched on or off.
            if (queue.Address is not { } now || now with { Flags = address.Flags, LogAddress = address.LogAddress } != address)
            {
                return "the addresses of a started queue cannot change";
            }

            running.SetUsedLogAddress(address.LogsUsedRing ? address.LogAddress : null);
        }

        queue.Address = address;
        return null;
    }

    private string? SetVringEnable(ReadOnlySpan<byte> payload)
    {
        if (!TryReadState(payload, out var queue, out var enable, out var reason))
        {
            return reason;
        }

        if (enable > 1)
        {
            return $"{enable} is neither on nor off";
        }

        queue.SetEnabled(enable == 1);
        return TryStart(queue);
    }

    private string? SetVringEvent(VhostUserRequest request, ReadOnlySpan<byte> payload)
    {
        // "Bits (0-7) of the payload contain the vring index. Bit 8 is the invalid FD flag."
        const ulong indexMask = 0xff;
        const ulong noDescriptor = 0x100;
        if (!TryRead<ulong>(payload, out var value, out var reason))
        {
            return reason;
        }

        var index = value & indexMask;
        if (value > (indexMask | noDescriptor) || index >= (ulong)_queues.Length)
        {
            return $"there is no queue {value}";
        }

        EventDescriptor? target = null;
        if ((value & noDescriptor) == 0)
        {
            var descriptor = TakeOnlyDescriptor();
            target = descriptor is null ? null : EventDescriptor.TryAdopt(descriptor);
            if (target is null)
            {
                descriptor?.Dispose();
                return "it must come with one eventfd";
            }
        }

        var queue = _queues[index];
        switch (request)
        {
            case VhostUserRequest.SetVringCall:
                queue.SetCall(target);
                return null;
            case VhostUserRequest.SetVringError:
                queue.SetError(target);
                return null;
            default:
                queue.SetKick(target);

                // "If VHOST_USER_F_PROTOCOL_FEATURES has not been negotiated, the ring starts directly in the enabled state."
                if (((_features ?? 0) & VirtioFeatures.ProtocolFeatures) == 0)
                {
                    queue.SetEnabled(true);
                }

                return TryStart(queue);
        }
    }

    private string? GetVringBase(ReadOnlySpan<byte> payload, ref bool acknowledge)
    {
        acknowledge = false;
        if (!TryReadState(payload, out var queue, out _, out var reason))
        {
            return reason;
        }

        if (queue.Queue is null)
        {
            queue.EndStop();
            Reply(VhostUserRequest.GetVringBase, new VringState((uint)queue.Index, queue.Base));
            return null;
        }

        queue.BeginStop();
        WhenIdle(queue, () =>
        {
            queue.EndStop();
            Reply(VhostUserRequest.GetVringBase, new VringState((uint)queue.Index, queue.Base));
        });
        return null;
    }

    private string? ResetDevice(in MessageHeader header, ref bool acknowledge)
    {
        var request = header.Request;
        var answer = acknowledge;
        acknowledge = false;
        foreach (var queue in _queues)
        {
            queue.BeginStop();
        }

        WhenIdle(null, () =>
        {
            foreach (var queue in _queues)
            {
                queue.EndStop();
                queue.SetEnabled(false);
            }

            Finish(request, null, answer);
        });
        return null;
    }

    /// <summary>Starts a queue that has all it needs; says what is wrong with it otherwise, if anything is.</summary>
    private string? TryStart(SessionQueue queue)
    {
        if (queue.Queue is not null || !queue.HasKick || !queue.IsEnabled)
        {
            return null;
        }

        if (queue.Size == 0 || queue.Address is not { } address || _features is not { } features)
        {
            return $"queue {queue.Index} lacks its size, its addresses or the features";
        }

        if (!QueueAddresses.TryTranslate(_memory, address, queue.Size, out var addresses))
        {
            return $"the rings of queue {queue.Index} do not lie in the guest's memory";
        }

        InflightQueue? inflight = null;
        if (_inflight is not null)
        {
            if (!_inflight.Covers(queue.Index, queue.Size))
            {
                return $"the inflight region is {_inflight}, which has no room for queue {queue.Index} of {queue.Size} descriptors";
            }

            inflight = _inflight.Queue(queue.Index, queue.Size);
        }

        queue.Start(new QueueSetup(queue.Size, features, queue.Base, _memory, addresses, inflight), ActiveLog);
        if (queue.Queue is { ToRedo: > 0 } started)
        {
            Report(VhostUserEventKind.RequestsRedone, $"{started.ToRedo} requests in flight on queue {queue.Index} of {_options.Name} are done again.");
        }

        return null;
    }

    /// <summary>Finds the rings again after the memory table changed.</summary>
    private void MoveQueue(SessionQueue queue)
    {
        if (queue.Queue is not { } running || queue.Address is not { } address)
        {
            return;
        }

        if (QueueAddresses.TryTranslate(_memory, address, queue.Size, out var addresses))
        {
            running.Move(_memory, addresses);
        }
        else
        {
            running.Break(VirtQueueFault.AddressOutOfRange);
        }
    }

    private bool TryReadState(ReadOnlySpan<byte> payload, out SessionQueue queue, out uint number, [System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out string? reason)
    {
        queue = null!;
        number = 0;
        if (!TryRead<VringState>(payload, out var state, out reason))
        {
            return false;
        }

        if (state.Index >= _queues.Length)
        {
            reason = $"there is no queue {state.Index}";
            return false;
        }

        queue = _queues[state.Index];
        number = state.Number;
        return true;
    }
}
