using Vireo.Platform;
using Vireo.Platform.Memory;

namespace Vireo.Testing.Vhost;

/// <summary>A run of a mock guest's memory.</summary>
/// <param name="GuestAddress">Where the guest sees it.</param>
/// <param name="UserAddress">Where the front end claims to see it; only a name in messages.</param>
/// <param name="File">Sealed memory.</param>
/// <param name="Mapping">Where this process sees it.</param>
public sealed record MockRegion(ulong GuestAddress, ulong UserAddress, Descriptor File, SharedMapping Mapping);

/// <summary>The shared memory of a mock guest, with a simple allocator that only goes forward.</summary>
public sealed unsafe class MockGuestMemory : IDisposable
{
    private const ulong UserBase = 0x7f00_0000_0000;
    private readonly List<MockRegion> _regions = [];
    private ulong _next;

    /// <summary>One region at guest address zero.</summary>
    public MockGuestMemory(int lengthBytes = 1 << 22)
        : this((0UL, lengthBytes))
    {
    }

    /// <summary>Several regions; allocations come from the first.</summary>
    public MockGuestMemory(params (ulong GuestAddress, int LengthBytes)[] regions)
    {
        foreach (var (guest, length) in regions)
        {
            Add(guest, length);
        }

        _next = regions[0].GuestAddress;
    }

    /// <summary>The regions, in the order in which they were added.</summary>
    public IReadOnlyList<MockRegion> Regions => _regions;

    /// <summary>Adds a region; the front end tells the back end of it separately.</summary>
    public MockRegion Add(ulong guestAddress, int lengthBytes)
    {
        var file = MemoryFile.CreateSealed("mock-guest", lengthBytes);
        var region = new MockRegion(guestAddress, UserBase + guestAddress, file, SharedMapping.Map(file, 0, lengthBytes));
        _regions.Add(region);
        return region;
    }

    /// <summary>Takes a region away, here only.</summary>
    public void Remove(MockRegion region)
    {
        _regions.Remove(region);
        region.Mapping.Dispose();
        region.File.Dispose();
    }

    /// <summary>Takes <paramref name="lengthBytes"/> of zeros from the first region, aligned.</summary>
    public ulong Allocate(int lengthBytes, int alignment = 16)
    {
        _next = (_next + (ulong)alignment - 1) / (ulong)alignment * (ulong)alignment;
        var address = _next;
        _next += (ulong)lengthBytes;
        _ = Span(address, lengthBytes);
        return address;
    }

    /// <summary>The bytes at a guest address, which lie in one region.</summary>
    public Span<byte> Span(ulong guestAddress, int lengthBytes) => new(Pointer(guestAddress, lengthBytes), lengthBytes);

    /// <summary>What the front end calls a guest address in messages about rings.</summary>
    public ulong User(ulong guestAddress) => UserBase + guestAddress;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var region in _regions.ToArray())
        {
            Remove(region);
        }
    }

    internal byte* Pointer(ulong guestAddress, int lengthBytes)
    {
        foreach (var region in _regions)
        {
            if (guestAddress >= region.GuestAddress
                && guestAddress - region.GuestAddress + (ulong)lengthBytes <= (ulong)region.Mapping.LengthBytes)
            {
                // SAFETY: inside the mapping, which lives as long as this object.
                return (byte*)region.Mapping.Address + (guestAddress - region.GuestAddress);
            }
        }

        throw new ArgumentOutOfRangeException(nameof(guestAddress), guestAddress, "The mock guest has no such memory.");
    }
}
