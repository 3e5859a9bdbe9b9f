using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using Vireo.Platform.Files;

namespace Vireo.Storage.Layers;

/// <summary>
/// What was written to a disk between two checkpoints, as a file: one bit for each granule, and above it one bit for each region of
/// <see cref="RegionGranules"/> granules. Invariant: a granule's bit is in the file before the data are written, and the bit of its region is
/// durable before that; so a killed process loses no bit, and after a power cut all of a marked region counts as written.
/// </summary>
/// <remarks>Layout: 4096 bytes of head (signature, version, granule size, disk size, boot id while open), region bits, granule bits; each part begins at a multiple of 4096.</remarks>
internal sealed class ChangeGeneration : IDisposable
{
    /// <summary>Granules of a region: 64 MB of disk with granules of 64 KB.</summary>
    public const int RegionGranules = 1024;

    private const int HeadBytes = 4096;
    private const int BootIdOffset = 64;
    private const int BootIdBytes = 36;
    private const int Version = 1;
    private readonly NativeFile _file;
    private readonly long[] _granules;
    private readonly long[] _regions;
    private readonly Lock _marking = new();
    private readonly SemaphoreSlim _activating = new(1, 1);
    private readonly long _granulesOffset;

    private ChangeGeneration(NativeFile file, long sizeBytes, int granuleBytes)
    {
        _file = file;
        GranuleBytes = granuleBytes;
        GranuleCount = (sizeBytes + granuleBytes - 1) / granuleBytes;
        _granules = new long[(GranuleCount + 63) / 64];
        _regions = new long[((GranuleCount + RegionGranules - 1) / RegionGranules + 63) / 64];
        _granulesOffset = HeadBytes + RoundUp(_regions.Length * 8L);
    }

    /// <summary>Bytes that one bit stands for.</summary>
    public int GranuleBytes { get; }

    /// <summary>Granules of the disk.</summary>
    public long GranuleCount { get; }

    /// <summary>Whether a power cut made whole regions count as written when the file was opened.</summary>
    public bool WasConservative { get; private set; }

    private static ReadOnlySpan<byte> Signature => "VIREOCHG"u8;

    /// <summary>Makes a generation in which nothing was written; durable when it returns, and open.</summary>
    /// <exception cref="IOException">The file exists or cannot be written.</exception>
    public static ChangeGeneration Create(string path, long sizeBytes, int granuleBytes, string bootId)
    {
        var file = NativeFile.TryCreate(path, out var error) ?? throw Failed(path, "made", error);
        var generation = new ChangeGeneration(file, sizeBytes, granuleBytes);
        try
        {
            var head = new byte[HeadBytes];
            Signature.CopyTo(head);
            BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(8), Version);
            BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(12), granuleBytes);
            BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(16), sizeBytes);
            BootBytes(bootId).CopyTo(head, BootIdOffset);
            generation.Require(file.SetLength(generation._granulesOffset + RoundUp(generation._granules.Length * 8L)));
            generation.Require(file.Reserve(0, generation._granulesOffset));
            generation.Require(file.Write(0, head));
            generation.Require(file.Flush());
            return generation;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens a generation, for writing when it is the newest. One that a power cut left open counts marked regions as written.</summary>
    /// <exception cref="InvalidDataException">The file is none, or of another disk.</exception>
    /// <exception cref="IOException">The file cannot be read or written.</exception>
    public static ChangeGeneration Open(string path, long sizeBytes, int granuleBytes, string bootId)
    {
        var file = NativeFile.TryOpen(path, writable: true, out var error) ?? throw Failed(path, "opened", error);
        try
        {
            var head = new byte[HeadBytes];
            if (file.Read(0, head) != HeadBytes || !head.AsSpan().StartsWith(Signature) || BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(8)) != Version
                || BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(12)) != granuleBytes || BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(16)) != sizeBytes)
            {
                throw new InvalidDataException($"The file '{path}' holds no changes of this disk; remove its folder to begin anew.");
            }

            var generation = new ChangeGeneration(file, sizeBytes, granuleBytes);
            generation.Load(generation._regions, HeadBytes);
            generation.Load(generation._granules, generation._granulesOffset);
            var openSince = Encoding.ASCII.GetString(head, BootIdOffset, BootIdBytes).Trim('\0', ' ');
            if (openSince.Length > 0 && !string.Equals(openSince, bootId, StringComparison.Ordinal))
            {
                generation.MarkRegions();
            }

            generation.SetBootId(bootId);
            return generation;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether every granule of a range is marked already. The path of most writes.</summary>
    public bool Covers(long offsetBytes, long lengthBytes)
    {
        var last = (offsetBytes + lengthBytes - 1) / GranuleBytes;
        for (var granule = offsetBytes / GranuleBytes; granule <= last; granule++)
        {
            if ((Volatile.Read(ref _granules[granule >> 6]) & (1L << (int)granule)) == 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Marks a range before it is written.</summary>
    /// <exception cref="IOException">The file cannot be written; the write must not happen.</exception>
    public async Task MarkAsync(long offsetBytes, long lengthBytes)
    {
        var (first, last) = (offsetBytes / GranuleBytes, (offsetBytes + lengthBytes - 1) / GranuleBytes);
        for (var region = first / RegionGranules; region <= last / RegionGranules; region++)
        {
            if ((Volatile.Read(ref _regions[region >> 6]) & (1L << (int)region)) == 0)
            {
                await ActivateAsync(region).ConfigureAwait(false);
            }
        }

        lock (_marking)
        {
            for (var granule = first; granule <= last;)
            {
                var word = granule >> 6;
                var end = Math.Min(last + 1, (word + 1) << 6);
                var bits = Bits((int)(granule & 63), (int)(end - granule));
                if ((_granules[word] & bits) != bits)
                {
                    // In the file first: others go on as soon as they see the bit in memory.
                    WriteWord(_granulesOffset, word, _granules[word] | bits);
                    Volatile.Write(ref _granules[word], _granules[word] | bits);
                }

                granule = end;
            }
        }
    }

    /// <summary>Whether a granule was written.</summary>
    public bool IsMarked(long granule) => (Volatile.Read(ref _granules[granule >> 6]) & (1L << (int)granule)) != 0;

    /// <summary>Granules that were written.</summary>
    public long CountMarked()
    {
        var count = 0L;
        foreach (var word in _granules)
        {
            count += BitOperations.PopCount((ulong)word);
        }

        return count;
    }

    /// <summary>Adds what another generation of the same disk holds; durable when it returns.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Add(ChangeGeneration other)
    {
        lock (_marking)
        {
            for (var word = 0; word < _granules.Length; word++)
            {
                Volatile.Write(ref _granules[word], _granules[word] | other._granules[word]);
            }

            Require(_file.Write(_granulesOffset, MemoryMarshal.AsBytes(_granules.AsSpan())));
            Require(_file.Flush());
        }
    }

    /// <summary>Counts everything as written, because nobody knows what was.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void MarkAll()
    {
        WasConservative = true;
        lock (_marking)
        {
            _granules.AsSpan().Fill(-1L);
            if (GranuleCount % 64 != 0)
            {
                _granules[^1] = Bits(0, (int)(GranuleCount % 64));
            }

            Require(_file.Write(_granulesOffset, MemoryMarshal.AsBytes(_granules.AsSpan())));
            Require(_file.Flush());
        }
    }

    /// <summary>Makes every bit durable and takes the marks of regions back: the file is exact whatever happens from now on, as long as nobody writes.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Settle()
    {
        lock (_marking)
        {
            Require(_file.Flush());
            _regions.AsSpan().Clear();
            Require(_file.Write(HeadBytes, MemoryMarshal.AsBytes(_regions.AsSpan())));
        }

        SetBootId(string.Empty);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        _activating.Dispose();
    }

    private static byte[] BootBytes(string bootId)
    {
        var bytes = new byte[BootIdBytes];
        Encoding.ASCII.GetBytes(bootId.AsSpan(0, Math.Min(bootId.Length, BootIdBytes)), bytes);
        return bytes;
    }

    private static long Bits(int first, int count) => count == 64 ? -1L : ((1L << count) - 1) << first;

    private static long RoundUp(long bytes) => (bytes + 4095) / 4096 * 4096;

    private static IOException Failed(string path, string what, long error) => new($"The file of changes '{path}' could not be {what} (error {Math.Abs(error)}).");

    private void MarkRegions()
    {
        var any = false;
        for (var region = 0L; region * RegionGranules < GranuleCount; region++)
        {
            if ((_regions[region >> 6] & (1L << (int)region)) == 0)
            {
                continue;
            }

            any = true;
            for (var granule = region * RegionGranules; granule < Math.Min(GranuleCount, (region + 1) * RegionGranules); granule++)
            {
                _granules[granule >> 6] |= 1L << (int)granule;
            }
        }

        if (any)
        {
            WasConservative = true;
            Require(_file.Write(_granulesOffset, MemoryMarshal.AsBytes(_granules.AsSpan())));
            Require(_file.Flush());
        }
    }

    // The wait for the disk is not for the thread of the request.
    private async Task ActivateAsync(long region)
    {
        await _activating.WaitAsync().ConfigureAwait(false);
        try
        {
            var word = region >> 6;
            var bits = _regions[word] | (1L << (int)region);
            if (_regions[word] == bits)
            {
                return;
            }

            await Task.Run(() =>
            {
                WriteWord(HeadBytes, word, bits);
                Require(_file.Flush());
            }).ConfigureAwait(false);
            Volatile.Write(ref _regions[word], bits);
        }
        finally
        {
            _activating.Release();
        }
    }

    private void SetBootId(string bootId)
    {
        Require(_file.Write(BootIdOffset, BootBytes(bootId)));
        Require(_file.Flush());
    }

    private void WriteWord(long partOffset, long word, long bits)
    {
        Span<byte> bytes = stackalloc byte[8];
        MemoryMarshal.Write(bytes, in bits);
        Require(_file.Write(partOffset + (word * 8), bytes));
    }

    private void Load(long[] target, long offsetBytes)
    {
        var bytes = MemoryMarshal.AsBytes(target.AsSpan());
        if (_file.Read(offsetBytes, bytes) != bytes.Length)
        {
            throw new InvalidDataException($"The file of changes '{_file.Path}' is too short; remove its folder to begin anew.");
        }
    }

    private void Require(long result)
    {
        if (result < 0)
        {
            throw Failed(_file.Path, "written", result);
        }
    }
}
