using System.Diagnostics.CodeAnalysis;
using Vireo.Platform.Memory;

namespace Vireo.Vhost.Memory;

/// <summary>
/// The memory of a guest as it is mapped at one time: an immutable, sorted list of regions. A change of the memory table makes a new
/// one; a region's mapping ends only after every request in flight has completed.
/// </summary>
internal sealed class GuestMemory
{
    /// <summary>More than QEMU's own limit of 509 would ever use.</summary>
    public const int RegionsMax = 512;

    private readonly GuestMemoryRegion[] _regions;
    private GuestMemoryRegion? _last;

    private GuestMemory(GuestMemoryRegion[] regions)
    {
        _regions = regions;
    }

    public static GuestMemory Empty { get; } = new([]);

    public IReadOnlyList<GuestMemoryRegion> Regions => _regions;

    /// <summary>A memory of <paramref name="regions"/>, or the reason why they cannot be one.</summary>
    public static bool TryCreate(
        IEnumerable<GuestMemoryRegion> regions, [NotNullWhen(true)] out GuestMemory? memory, [NotNullWhen(false)] out string? reason)
    {
        var sorted = regions.OrderBy(region => region.GuestStart).ToArray();
        memory = null;
        reason = null;
        for (var i = 1; i < sorted.Length; i++)
        {
            if (sorted[i].Overlaps(sorted[i - 1]))
            {
                reason = $"two memory regions overlap at 0x{sorted[i].GuestStart:x}";
                return false;
            }
        }

        if (sorted.Length > RegionsMax)
        {
            reason = $"there are {sorted.Length} memory regions, at most {RegionsMax} are possible";
            return false;
        }

        memory = new GuestMemory(sorted);
        return true;
    }

    /// <summary>The longest mapped run that begins at guest address <paramref name="address"/>, cut to <paramref name="lengthBytes"/>.</summary>
    /// <returns>False when nothing is mapped there.</returns>
    public bool TryTranslate(ulong address, uint lengthBytes, out IoSegment segment)
    {
        if (FindCached(address) is not { } region)
        {
            segment = default;
            return false;
        }

        var inside = address - region.GuestStart;
        var length = Math.Min(Math.Min(lengthBytes, int.MaxValue), region.LengthBytes - inside);
        segment = new IoSegment(region.Host + (nint)inside, (int)length);
        return true;
    }

    /// <summary>The mapped run around guest address <paramref name="address"/>.</summary>
    /// <returns>False when nothing is mapped there.</returns>
    public bool TryFind(ulong address, out MappedRange range)
    {
        if (FindCached(address) is not { } region)
        {
            range = default;
            return false;
        }

        range = new MappedRange(region.GuestStart, region.LengthBytes, region.Host);
        return true;
    }

    /// <summary>Where the front end's <paramref name="userAddress"/> is, if <paramref name="lengthBytes"/> are mapped there in one run.</summary>
    /// <returns>Zero when they are not.</returns>
    public nint TranslateUser(ulong userAddress, ulong lengthBytes)
    {
        foreach (var region in _regions)
        {
            if (region.ContainsUser(userAddress))
            {
                var inside = userAddress - region.Description.UserAddress;
                return lengthBytes <= region.LengthBytes - inside ? region.Host + (nint)inside : 0;
            }
        }

        return 0;
    }

    // One region serves nearly all buffers, so the last one is tried first. Only the owning reactor comes here.
    private GuestMemoryRegion? FindCached(ulong address)
    {
        if (_last is { } last && last.ContainsGuest(address))
        {
            return last;
        }

        var region = Find(address);
        _last = region ?? _last;
        return region;
    }

    private GuestMemoryRegion? Find(ulong address)
    {
        var low = 0;
        var high = _regions.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            var region = _regions[middle];
            if (region.ContainsGuest(address))
            {
                return region;
            }

            if (address < region.GuestStart)
            {
                high = middle - 1;
            }
            else
            {
                low = middle + 1;
            }
        }

        return null;
    }
}
