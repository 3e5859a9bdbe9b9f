using Vireo.Platform;
using Vireo.Platform.Events;
using Vireo.Platform.Memory;
using Vireo.Vhost.Protocol;

namespace Vireo.Vhost.Memory;

/// <summary>
/// The bitmap in which a back end marks the guest pages it has written, for migration (vhost-user "Migration"): one bit for 4096
/// bytes, counted from guest address zero. The front end takes bits away while we set them, so each is set by an atomic operation,
/// after the write that it tells of.
/// </summary>
internal sealed class DirtyLog : IDisposable
{
    private const int PageShift = 12;
    private const int BitsPerWord = 32;

    private readonly SharedMapping _mapping;
    private readonly ulong _pages;

    private DirtyLog(SharedMapping mapping)
    {
        _mapping = mapping;
        _pages = (ulong)mapping.LengthBytes * 8;
    }

    /// <summary>Writes that the log had no room for. The front end promises room for all guest addresses, so this stays zero.</summary>
    public long Missed { get; private set; }

    /// <summary>Signalled by the queues when they have marked pages, if the front end asked for it.</summary>
    public EventDescriptor? Changed { get; set; }

    /// <summary>Hands <see cref="Changed"/> to the log that takes this one's place.</summary>
    public EventDescriptor? TakeChanged()
    {
        var changed = Changed;
        Changed = null;
        return changed;
    }

    /// <summary>Maps the log, or says in <paramref name="reason"/> why it cannot be accepted.</summary>
    public static DirtyLog? TryMap(in LogDescription description, Descriptor file, bool requireSeal, out string? reason)
    {
        var (length, offset) = description;
        if (length is 0 or > long.MaxValue || length % sizeof(uint) != 0 || offset > long.MaxValue || offset % sizeof(ulong) != 0)
        {
            reason = $"the dirty log has the impossible length 0x{length:x} at 0x{offset:x}";
            return null;
        }

        if (requireSeal && !MemoryFile.CannotShrink(file))
        {
            reason = "the dirty log is not sealed against shrinking";
            return null;
        }

        try
        {
            reason = null;
            return new DirtyLog(SharedMapping.Map(file, (long)offset, (long)length));
        }
        catch (IOException failure)
        {
            reason = $"the dirty log cannot be mapped: {failure.Message}";
            return null;
        }
    }

    /// <summary>Marks every page that <paramref name="lengthBytes"/> bytes at guest address <paramref name="address"/> touch.</summary>
    public unsafe void Mark(ulong address, ulong lengthBytes)
    {
        if (lengthBytes == 0)
        {
            return;
        }

        var last = address + (lengthBytes - 1);
        if (last < address || last >> PageShift >= _pages)
        {
            Missed++;
            return;
        }

        var words = (uint*)_mapping.Address;
        for (var page = address >> PageShift; page <= last >> PageShift; page++)
        {
            // SAFETY: page < _pages, so the word lies in the mapping, which lives as long as this object. The bytes of the log are
            // little-endian bit strings, and so are 32-bit words on the machines we run on.
            Interlocked.Or(ref words[page / BitsPerWord], 1u << (int)(page % BitsPerWord));
        }
    }

    public void Dispose()
    {
        Changed?.Dispose();
        _mapping.Dispose();
    }
}
