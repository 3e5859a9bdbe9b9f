using Vireo.Platform;
using Vireo.Platform.Memory;
using Vireo.Vhost.Protocol;

namespace Vireo.Vhost.Memory;

/// <summary>A run of guest memory that is mapped here. Lives until the session has no request in flight that could touch it.</summary>
internal sealed class GuestMemoryRegion : IDisposable
{
    private readonly SharedMapping _mapping;

    private GuestMemoryRegion(SharedMapping mapping, MemoryRegionDescription description)
    {
        _mapping = mapping;
        Description = description;
        GuestStart = description.GuestAddress;
        LengthBytes = description.LengthBytes;
        Host = mapping.Address;
    }

    public MemoryRegionDescription Description { get; }

    public ulong GuestStart { get; }

    public ulong LengthBytes { get; }

    public nint Host { get; }

    /// <summary>Maps a region, or says in <paramref name="reason"/> why it cannot be accepted.</summary>
    public static GuestMemoryRegion? TryMap(in MemoryRegionDescription description, Descriptor file, bool requireSeal, out string? reason)
    {
        var (guest, length, user, offset) = description;
        reason = null;
        if (length == 0 || length > long.MaxValue || guest > ulong.MaxValue - length || user > ulong.MaxValue - length || offset > long.MaxValue)
        {
            reason = $"the memory region at 0x{guest:x} has the impossible length 0x{length:x}";
        }
        else if (requireSeal && !MemoryFile.CannotShrink(file))
        {
            // A file that its owner can cut short turns any access into a SIGBUS, which ends the process and so every other guest's disks.
            reason = $"the memory region at 0x{guest:x} is not sealed against shrinking (use memory-backend-memfd with seal=on)";
        }

        if (reason is not null)
        {
            return null;
        }

        try
        {
            return new GuestMemoryRegion(SharedMapping.Map(file, (long)offset, (long)length), description);
        }
        catch (IOException failure)
        {
            reason = $"the memory region at 0x{guest:x} cannot be mapped: {failure.Message}";
            return null;
        }
    }

    public bool ContainsGuest(ulong address) => address - GuestStart < LengthBytes;

    public bool ContainsUser(ulong address) => address - Description.UserAddress < LengthBytes;

    public bool Overlaps(GuestMemoryRegion other) =>
        GuestStart < other.GuestStart + other.LengthBytes && other.GuestStart < GuestStart + LengthBytes;

    public void Dispose() => _mapping.Dispose();
}
