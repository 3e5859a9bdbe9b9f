using System.Runtime.InteropServices;

namespace Vireo.Crash.Tests.Disks;

/// <summary>
/// What a guest may find in each sector. A version is a number that fills the sector; 0 is zeros. Per sector the model keeps the newest
/// version and all that a power cut may bring back: those since the last flush that began after them, and the one before.
/// </summary>
internal sealed class GuestModel(long sectors)
{
    public const int SectorBytes = 512;
    // The arrays are never changed, so that a copy of the model can share them.
    private readonly int[][] _possible = [.. Enumerable.Repeat<int[]>([0], (int)sectors)];
    private int _version;

    private GuestModel(GuestModel other)
        : this(other._possible.Length)
    {
        _possible = [.. other._possible];
        _version = other._version;
    }

    public GuestModel Clone() => new(this);

    /// <summary>Content for a write of the sectors; they may hold it from now on.</summary>
    public byte[] Write(long first, int count)
    {
        var version = ++_version;
        var content = new byte[count * SectorBytes];
        for (var i = 0; i < count; i++)
        {
            Fill(content.AsSpan(i * SectorBytes, SectorBytes), version);
            _possible[first + i] = [.. _possible[first + i], version];
        }

        return content;
    }

    /// <summary>The sectors may be zeros from now on.</summary>
    public void Zero(long first, int count)
    {
        for (var i = 0; i < count; i++)
        {
            _possible[first + i] = [.. _possible[first + i].Where(version => version != 0), 0];
        }
    }

    /// <summary>A flush has completed: only the newest version of each sector can come back. What a trim did stays open: see <see cref="Trimmed"/>.</summary>
    public void Flushed()
    {
        for (var i = 0; i < _possible.Length; i++)
        {
            if (Trimmed.Contains(i))
            {
                continue;
            }

            _possible[i] = _possible[i].Length == 1 ? _possible[i] : [_possible[i][^1]];
        }
    }

    /// <summary>A write of the sectors was durable when it completed.</summary>
    public void Flushed(long first, int count)
    {
        for (var i = first; i < first + count; i++)
        {
            _possible[i] = [_possible[i][^1]];
        }
    }

    /// <summary>Sectors whose newest change is a trim: zeros or what was there, also after a flush.</summary>
    public HashSet<long> Trimmed { get; init; } = [];

    public void CheckPossible(byte[] disk, string when)
    {
        for (var i = 0; i < _possible.Length; i++)
        {
            var found = Version(disk.AsSpan(i * SectorBytes, SectorBytes));
            Assert.True(_possible[i].Contains(found), $"{when}: sector {i} holds {found}, possible are {string.Join(' ', _possible[i])}");
        }
    }

    /// <summary>After a kill: the newest version, or the one of the request that was running.</summary>
    public void CheckNewest(byte[] disk, GuestModel before, string when)
    {
        for (var i = 0; i < _possible.Length; i++)
        {
            var found = Version(disk.AsSpan(i * SectorBytes, SectorBytes));
            Assert.True(
                found == _possible[i][^1] || found == before._possible[i][^1],
                $"{when}: sector {i} holds {found}, newest are {before._possible[i][^1]} and {_possible[i][^1]}");
        }
    }

    private static void Fill(Span<byte> sector, int version) => MemoryMarshal.Cast<byte, int>(sector).Fill(version);

    private static int Version(ReadOnlySpan<byte> sector)
    {
        var words = MemoryMarshal.Cast<byte, int>(sector);
        return words.IndexOfAnyExcept(words[0]) < 0 ? words[0] : -1;
    }
}
