using System.Runtime.InteropServices;
using Vireo.Platform.Events;
using Vireo.Vhost.Memory;
using Vireo.Vhost.Protocol;

namespace Vireo.Vhost.Sessions;

/// <content>What the front end shares: guest memory, the dirty log, the inflight region.</content>
internal sealed partial class VhostUserSession
{
    /// <summary>VHOST_MEMORY_BASELINE_NREGIONS: as many as a SET_MEM_TABLE message can hold.</summary>
    private const int TableRegionsMax = 8;

    /// <summary>
    /// How often each region was told, without its file offset. QEMU has a device for each pair of a network adapter's queues behind one
    /// connection and, before version 8, tells and takes back every region once for each of them.
    /// </summary>
    private readonly Dictionary<MemoryRegionDescription, int> _told = [];

    private GuestMemory _memory = GuestMemory.Empty;
    private InflightMemory? _inflight;
    private DirtyLog? _log;

    /// <summary>The log, while the front end wants the writes to be logged.</summary>
    private DirtyLog? ActiveLog => ((_features ?? 0) & VirtioFeatures.LogAll) != 0 ? _log : null;

    private string? SetMemoryTable(in MessageHeader header, ReadOnlySpan<byte> payload, ref bool acknowledge)
    {
        const int prefixBytes = 8; // number of regions, padding
        var regionBytes = Marshal.SizeOf<MemoryRegionDescription>();
        var count = payload.Length >= prefixBytes ? MemoryMarshal.Read<uint>(payload) : uint.MaxValue;
        if (count > TableRegionsMax || payload.Length != prefixBytes + ((int)count * regionBytes) || _descriptors.Count != count)
        {
            return $"a table of {payload.Length} bytes with {_descriptors.Count} descriptors does not fit its {count} regions";
        }

        var mapped = new List<GuestMemoryRegion>();
        string? reason = null;
        foreach (var description in MemoryMarshal.Cast<byte, MemoryRegionDescription>(payload[prefixBytes..]))
        {
            var region = GuestMemoryRegion.TryMap(description, _descriptors[mapped.Count], _options.RequireSealedMemory, out reason);
            if (region is null)
            {
                break;
            }

            mapped.Add(region);
        }

        GuestMemory? memory = null;
        if (reason is not null || !GuestMemory.TryCreate(mapped, out memory, out reason))
        {
            mapped.ForEach(region => region.Dispose());
            return reason;
        }

        // The old mappings end with the requests that use them.
        _told.Clear();
        var old = _memory.Regions;
        ExchangeMemory(memory, header.Request, acknowledge, old);
        acknowledge = false;
        return null;
    }

    private string? AddMemoryRegion(ReadOnlySpan<byte> payload)
    {
        if (!TryReadRegion(payload, out var description, out var reason))
        {
            return reason;
        }

        if (_descriptors.Count != 1)
        {
            return "it must come with one descriptor";
        }

        var told = description with { FileOffset = 0 };
        if (_told.Count >= GuestMemory.RegionsMax * 2 && !_told.ContainsKey(told))
        {
            return "more memory regions were told than taken back";
        }

        if (_told.TryGetValue(told, out var times) && _memory.Regions.Any(known => known.Description == description))
        {
            _told[told] = times + 1;
            return null;
        }

        var region = GuestMemoryRegion.TryMap(description, _descriptors[0], _options.RequireSealedMemory, out reason);
        if (region is null)
        {
            return reason;
        }

        if (!GuestMemory.TryCreate(_memory.Regions.Append(region), out var memory, out reason))
        {
            region.Dispose();
            return reason;
        }

        _told[told] = times + 1;

        // Nothing that is in use goes away, so running requests need not be waited for.
        _memory = memory;
        foreach (var queue in _queues)
        {
            queue.Queue?.Extend(memory);
        }

        return null;
    }

    private string? RemoveMemoryRegion(in MessageHeader header, ReadOnlySpan<byte> payload, ref bool acknowledge)
    {
        if (!TryReadRegion(payload, out var description, out var reason))
        {
            return reason;
        }

        // "identified by its guest address, user address and size. The mmap offset is ignored."
        var gone = _memory.Regions.Where(region => region.Description with { FileOffset = description.FileOffset } == description).ToArray();
        var told = description with { FileOffset = 0 };
        var times = _told.GetValueOrDefault(told);
        if (times > 1)
        {
            _told[told] = times - 1;
        }
        else
        {
            _told.Remove(told);
        }

        if (gone.Length != 1)
        {
            // The first one that takes a region back ends it, because another may be in its place at once; the others agree.
            return times > 0 ? null : $"there is no such memory region at 0x{description.GuestAddress:x}";
        }

        if (!GuestMemory.TryCreate(_memory.Regions.Except(gone), out var memory, out reason))
        {
            return reason;
        }

        ExchangeMemory(memory, header.Request, acknowledge, gone);
        acknowledge = false;
        return null;
    }

    private static bool TryReadRegion(ReadOnlySpan<byte> payload, out MemoryRegionDescription description, [System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out string? reason)
    {
        // "Single memory region description": 64 bits of padding first.
        const int paddingBytes = 8;
        if (payload.Length < paddingBytes)
        {
            description = default;
            reason = $"it has only {payload.Length} bytes";
            return false;
        }

        return TryRead(payload[paddingBytes..], out description, out reason);
    }

    /// <summary>Waits until nothing is in flight, exchanges the memory under the queues, ends the old mappings, and acknowledges.</summary>
    private void ExchangeMemory(GuestMemory memory, VhostUserRequest request, bool acknowledge, IReadOnlyList<GuestMemoryRegion> gone)
    {
        foreach (var queue in _queues)
        {
            queue.Pause();
        }

        // Owned by the session from here on, so that it is released even if the session ends meanwhile.
        _arriving = memory;
        WhenIdle(null, () =>
        {
            _arriving = null;
            _memory = memory;
            foreach (var queue in _queues)
            {
                MoveQueue(queue);
                queue.Unpause();
            }

            foreach (var region in gone)
            {
                region.Dispose();
            }

            Finish(request, null, acknowledge);
        });
    }

    private string? SetLogBase(ReadOnlySpan<byte> payload, ref bool acknowledge)
    {
        if (!TryRead<LogDescription>(payload, out var description, out var reason))
        {
            return reason;
        }

        if (_descriptors.Count != 1)
        {
            return "it must come with one descriptor";
        }

        var log = DirtyLog.TryMap(description, _descriptors[0], _options.RequireSealedMemory, out reason);
        if (log is null)
        {
            return reason;
        }

        // Pages are marked on this thread only, so the old log can go at once.
        log.Changed = _log?.TakeChanged();
        _log?.Dispose();
        _log = log;
        ApplyLog();

        // "Here is a list of the ones that do [require replies]: VHOST_USER_SET_LOG_BASE (if VHOST_USER_PROTOCOL_F_LOG_SHMFD)"
        acknowledge = false;
        Reply(VhostUserRequest.SetLogBase, 0UL);
        return null;
    }

    private string? SetLogDescriptor()
    {
        var descriptor = TakeOnlyDescriptor();
        var changed = descriptor is null ? null : EventDescriptor.TryAdopt(descriptor);
        if (changed is null || _log is null)
        {
            descriptor?.Dispose();
            return "it must come with one eventfd, after the log itself";
        }

        _log.Changed?.Dispose();
        _log.Changed = changed;
        return null;
    }

    private void ApplyLog()
    {
        foreach (var queue in _queues)
        {
            queue.Queue?.SetLog(ActiveLog);
        }
    }

    private string? SetInflight(ReadOnlySpan<byte> payload)
    {
        if (!TryRead<InflightDescription>(payload, out var description, out var reason))
        {
            return reason;
        }

        if (!InflightMemory.IsAcceptable(description, _device) || _descriptors.Count != 1)
        {
            return $"{description.QueueCount} queues of {description.QueueSize} descriptors with {_descriptors.Count} memory files cannot be tracked";
        }

        if (Array.Exists(_queues, queue => queue.Queue is not null))
        {
            return "the inflight region cannot change while queues are started";
        }

        var inflight = InflightMemory.TryMap(description, _device, _descriptors[0], out reason);
        if (inflight is not null)
        {
            _inflight?.Dispose();
            _inflight = inflight;
        }

        return reason;
    }

    /// <summary>Nothing is in flight any more, and no queue is started.</summary>
    private void ReleaseMemory()
    {
        foreach (var region in _memory.Regions.Union(_arriving?.Regions ?? []))
        {
            region.Dispose();
        }

        _memory = GuestMemory.Empty;
        _log?.Dispose();
        _inflight?.Dispose();
        _requests?.Dispose();
    }
}
