using System.Buffers.Binary;
using Vireo.Crash.Tests.Disks;
using Vireo.Disks;
using Vireo.Disks.Vhd;
using Vireo.Platform.Memory;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Fuzz.Tests.Disks;

/// <summary>
/// Valid VHD files damaged where their structures are (<see cref="VhdFooter"/>, <see cref="VhdDynamicHeader"/>, table, bitmaps, locators) and
/// mostly with right checksums: opening one ends in the precise exception and without a write, or in an image that can be read, mapped,
/// written, changed and compacted. Nothing else, and soon.
/// </summary>
public sealed class VhdFuzz(ITestOutputHelper output)
{
    private const int DiskBytes = 4 << 20;
    private const int Rounds = 800;
    private const int ManyRounds = 100_000;

    [Fact]
    [Requirement("VD-10")]
    public Task DamagedImage_IsRefusedPreciselyOrWorks() => DamageAsync(TestSeed.Next(), Rounds);

    [Fact]
    [Requirement("VD-10")]
    [Trait("Category", "Long")]
    public Task ManyDamagedImages_AreRefusedPreciselyOrWork() =>
        Parallel.ForEachAsync(Enumerable.Range(0, Environment.ProcessorCount), async (part, _) => await DamageAsync(TestSeed.Next() + part, ManyRounds / Environment.ProcessorCount));

    private async Task DamageAsync(int seed, int rounds)
    {
        output.WriteLine($"seed {seed}, {rounds} rounds");
        var random = new Random(seed);
        var images = new[] { await MakeAsync(VhdDiskType.Fixed), await MakeAsync(VhdDiskType.Dynamic), await MakeAsync(VhdDiskType.Differencing) };
        var refused = 0;
        for (var round = 0; round < rounds; round++)
        {
            var bytes = (byte[])images[random.Next(images.Length)].Clone();
            Damage(bytes, random);
            if (random.Next(20) == 0)
            {
                bytes = bytes[..random.Next(bytes.Length)];
            }

            try
            {
                refused += await TryAsync(bytes, round % 2 == 0, random) ? 0 : 1;
            }
            catch (Exception exception) when (exception is not Xunit.Sdk.XunitException)
            {
                throw new Xunit.Sdk.XunitException($"seed {seed}, round {round}: {exception}", exception);
            }
        }

        // Both ends must have been seen, or the damage is too weak or too strong to show anything.
        output.WriteLine($"seed {seed}: {refused} of {rounds} were refused");
        Assert.InRange(refused, rounds / 10, rounds * 9 / 10);
    }

    private static async Task<bool> TryAsync(byte[] bytes, bool isReadOnly, Random random)
    {
        var disk = new SimulatedDisk(bytes, isReadOnly);
        IDiskImage image;
        try
        {
            image = VhdImage.Open(disk, acceptBadChecksums: random.Next(4) == 0);
        }
        catch (ImageException exception)
        {
            Assert.NotEqual(string.Empty, exception.Message);
            Assert.Empty(disk.History);
            return false;
        }

        using var buffer = new NativeBuffer(1 << 20);
        var size = image.Geometry.SizeBytes;

        // A block far away would make the simulated file larger than memory; the first ones are enough.
        var writes = !isReadOnly && disk.LengthBytes < 1 << 28 && image.Properties.BlockSizeBytes <= 4 << 20;
        foreach (var offset in new[] { 0, size / 2 / (1 << 20) * (1 << 20), (size - (1 << 20)) / 512 * 512 })
        {
            // Whole sectors within the disk, which is what callers promise.
            var length = (int)(Math.Min(buffer.LengthBytes, size - offset) / 512 * 512);
            if (offset < 0 || length <= 0)
            {
                continue;
            }

            var vector = new IoVector(new[] { buffer.Segment.Slice(0, length) }, length);

            Assert.True(await image.ReadAsync(offset, vector) <= BlockStatus.Closed);
            Assert.True(await image.MapExtentsAsync(offset, length, []) <= BlockStatus.Closed);
            Assert.True(await image.MapOwnExtentsAsync(offset, length, []) <= BlockStatus.Closed);
            if (writes)
            {
                Assert.True(await image.WriteAsync(offset, vector, WriteOptions.ForceUnitAccess) <= BlockStatus.Closed);
                Assert.True(await image.TrimAsync(offset, length) <= BlockStatus.Closed);
                Assert.True(await image.WriteZeroesAsync(offset, length, WriteOptions.None) <= BlockStatus.Closed);
            }
        }

        Assert.NotNull(image.Properties);
        if (writes && image.Properties.Kind != DiskKind.Fixed && disk.LengthBytes < 1 << 26)
        {
            try
            {
                await image.Maintenance!.CompactAsync(CompactMode.Full, null, CancellationToken.None);
                await image.Maintenance.ResizeAsync(Math.Min(size + (8 << 20), 2040L << 30) / 512 * 512, null, CancellationToken.None);
            }
            catch (ImageException exception)
            {
                Assert.NotEqual(string.Empty, exception.Message);
            }
        }

        await image.DisposeAsync();
        return true;
    }

    private static async Task<byte[]> MakeAsync(VhdDiskType type)
    {
        var disk = new SimulatedDisk([]);
        var parent = type == VhdDiskType.Differencing ? new VhdParent(Guid.NewGuid(), [".\\parent.vhd", "/images/parent.vhd"], DateTimeOffset.UnixEpoch) : null;
        new VhdCreate(DiskBytes, type == VhdDiskType.Fixed, 512 << 10, parent).Write(disk, Guid.NewGuid);
        var image = VhdImage.Open(disk);
        using var buffer = new NativeBuffer(1 << 16);
        for (var block = 0; block < 3; block++)
        {
            buffer.Span.Fill((byte)(block + 1));
            Assert.Equal(BlockStatus.Ok, await image.WriteAsync((long)block << 20, new IoVector(new[] { buffer.Segment }, buffer.LengthBytes), WriteOptions.None));
        }

        await image.DisposeAsync();
        var bytes = new byte[disk.LengthBytes];
        disk.Read(0, bytes);
        return bytes;
    }

    // Every structure has its turn; what has a checksum gets the right one, mostly, or nothing behind it would ever be tried.
    private static void Damage(byte[] bytes, Random random)
    {
        for (var count = random.Next(1, 4); count > 0; count--)
        {
            switch (random.Next(7))
            {
                case 0 or 1:
                    var end = bytes.AsSpan(bytes.Length - VhdFooter.LengthBytes);
                    Change(end, random, 88);
                    Seal(end, 64, VhdFooter.LengthBytes, random);
                    if (random.Next(2) == 0)
                    {
                        end.CopyTo(bytes);
                    }

                    break;
                case 2:
                    Change(bytes.AsSpan(0, VhdFooter.LengthBytes), random, 88);
                    Seal(bytes.AsSpan(0, VhdFooter.LengthBytes), 64, VhdFooter.LengthBytes, random);
                    break;
                case 3 or 4:
                    var header = bytes.AsSpan(512, VhdDynamicHeader.LengthBytes);
                    Change(header, random, random.Next(3) == 0 ? 768 : 64);
                    Seal(header, 36, VhdDynamicHeader.LengthBytes, random);
                    break;
                case 5:
                    Change(bytes.AsSpan(1536, 64), random, 64);
                    break;
                default:
                    Change(bytes.AsSpan(3584, 512), random, 512);
                    break;
            }
        }
    }

    private static void Seal(Span<byte> structure, int checksumOffset, int length, Random random)
    {
        if (random.Next(5) == 0)
        {
            return;
        }

        structure.Slice(checksumOffset, 4).Clear();
        var sum = 0u;
        foreach (var value in structure[..length])
        {
            sum += value;
        }

        BinaryPrimitives.WriteUInt32BigEndian(structure[checksumOffset..], ~sum);
    }

    // Flips, extremes, and neighbours of what is there: the values that bounds are made of.
    private static void Change(Span<byte> structure, Random random, int within)
    {
        var at = random.Next(within);
        switch (random.Next(5))
        {
            case 0:
                structure[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                structure[at] = (byte)random.Next(256);
                break;
            case 2:
                structure.Slice(at / 4 * 4, 4).Fill((byte)(random.Next(2) * 255));
                break;
            case 3:
                structure.Slice(at / 8 * 8, 8).Fill((byte)(random.Next(2) * 255));
                break;
            default:
                var number = structure.Slice(at / 4 * 4, 4);
                BinaryPrimitives.WriteUInt32BigEndian(number, BinaryPrimitives.ReadUInt32BigEndian(number) + (uint)(random.Next(-2, 3) << random.Next(32)));
                break;
        }
    }
}
