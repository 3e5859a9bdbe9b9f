using System.Buffers.Binary;
using Vireo.Crash.Tests.Disks;
using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Memory;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Fuzz.Tests.Disks;

/// <summary>
/// Valid VHDX files, one with a log that waits for replay, damaged where their structures are and mostly with right checksums: opening one
/// ends in the precise exception and without a write, or in an image that can be read, mapped and written. Nothing else, and soon.
/// </summary>
public sealed class VhdxFuzz(ITestOutputHelper output)
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
        var images = new[]
        {
            await MakeAsync(isFixed: false, isClean: false), await MakeAsync(isFixed: false, isClean: true), await MakeAsync(isFixed: true, isClean: true),
            await MakeChildAsync(isClean: false), await MakeChildAsync(isClean: true),
        };
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
                refused += await TryAsync(bytes, round % 2 == 0) ? 0 : 1;
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

    /// <summary>Parent locators by themselves: whatever their bytes are, they are read or refused, and what was read is written the same.</summary>
    [Fact]
    [Requirement("VD-10")]
    public void DamagedParentLocator_IsReadOrRefused()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var item = VhdxParentLocator.Of(new ParentReference([@".\a.vhdx", @"\srv\a.vhdx"], Guid.NewGuid(), Guid.NewGuid())).ToBytes();
        var read = 0;
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = (byte[])item.Clone();
            for (var count = random.Next(1, 4); count > 0; count--)
            {
                Change(bytes, random, Math.Min(bytes.Length - 8, 80));
            }

            if (VhdxParentLocator.TryRead(bytes.AsSpan(0, random.Next(4) == 0 ? random.Next(bytes.Length) : bytes.Length)) is { } locator)
            {
                read++;
                Assert.True(locator.Entries.Sum(static entry => entry.Key.Length + entry.Value.Length) <= bytes.Length);
                var again = VhdxParentLocator.TryRead(locator.ToBytes())!;
                Assert.Equal(locator.Entries, again.Entries);
                Assert.Equal(locator.TryGetReference()?.Identity, again.TryGetReference()?.Identity);
            }
        }

        Assert.InRange(read, 100, 19_900);
    }

    private static async Task<bool> TryAsync(byte[] bytes, bool isReadOnly)
    {
        // The checker says something of every file, and changes none.
        var report = VhdxChecker.Check(new SimulatedDisk(bytes, isReadOnly: true), CancellationToken.None);
        Assert.NotEmpty(report.Structure);
        Assert.InRange(report.Findings.Count, 0, 1000);
        var disk = new SimulatedDisk(bytes, isReadOnly);
        VhdxImage image;
        try
        {
            image = VhdxImage.Open(disk, Guid.NewGuid);
        }
        catch (ImageException exception)
        {
            Assert.NotEqual(string.Empty, exception.Message);
            Assert.Empty(disk.History);
            Assert.False(report.IsSound, $"the checker finds nothing in a file that does not open: {exception.Message}");
            return false;
        }

        if (image.ParentReference is not null)
        {
            var parent = new SimulatedDisk([]) { Path = "parent.vhdx" };
            new VhdxCreate(DiskBytes, IsFixed: false, 1 << 20).Write(parent, Guid.NewGuid);
            image.Parent = VhdxImage.Open(new SimulatedDisk(parent.Now, isReadOnly: true), Guid.NewGuid);
        }

        using var buffer = new NativeBuffer(1 << 20);
        var size = image.Geometry.SizeBytes;
        foreach (var offset in new[] { 0, size / 2 / (1 << 20) * (1 << 20), size - (1 << 20) })
        {
            // Whole sectors within the disk, which is what callers promise.
            var length = (int)(Math.Min(buffer.LengthBytes, size - offset) / image.Geometry.LogicalSectorBytes * image.Geometry.LogicalSectorBytes);
            if (offset < 0 || offset % image.Geometry.LogicalSectorBytes != 0 || length <= 0)
            {
                continue;
            }

            var vector = new IoVector(new[] { buffer.Segment.Slice(0, length) }, length);

            Assert.True(await image.ReadAsync(offset, vector) <= BlockStatus.Closed);
            Assert.True(await image.MapExtentsAsync(offset, length, []) <= BlockStatus.Closed);

            // A block far away would make the simulated file larger than memory; the first ones are enough.
            if (!isReadOnly && disk.LengthBytes < 1 << 28 && image.Properties.BlockSizeBytes <= 32 << 20)
            {
                Assert.True(await image.WriteAsync(offset, vector, WriteOptions.ForceUnitAccess) <= BlockStatus.Closed);
                Assert.True(await image.TrimAsync(offset, length) <= BlockStatus.Closed);
                Assert.True(await image.WriteZeroesAsync(offset, length, WriteOptions.None) <= BlockStatus.Closed);
            }
        }

        Assert.NotNull(image.Properties);
        foreach (var item in image.UserItems.List())
        {
            Assert.NotNull(image.UserItems.Read(item.Id));
        }

        if (!isReadOnly && disk.LengthBytes < 1 << 26 && size < 1L << 40)
        {
            try
            {
                await image.Maintenance!.CompactAsync(CompactMode.Full, null, CancellationToken.None);
                image.UserItems.Write(Guid.NewGuid(), [1, 2, 3], isVirtualDisk: false);
                await image.Maintenance.ResizeAsync(size / 4096 * 4096 + (5 << 20), null, CancellationToken.None);
            }
            catch (ImageException exception)
            {
                Assert.NotEqual(string.Empty, exception.Message);
            }
        }

        await image.DisposeAsync();
        return true;
    }

    private static async Task<byte[]> MakeAsync(bool isFixed, bool isClean)
    {
        var disk = new SimulatedDisk([]);
        new VhdxCreate(DiskBytes, isFixed, 1 << 20).Write(disk, Guid.NewGuid);
        var image = VhdxImage.Open(disk, Guid.NewGuid);
        using var buffer = new NativeBuffer(1 << 16);
        for (var block = 0; block < 3; block++)
        {
            buffer.Span.Fill((byte)(block + 1));
            Assert.Equal(BlockStatus.Ok, await image.WriteAsync((long)block << 20, new IoVector(new[] { buffer.Segment }, buffer.LengthBytes), WriteOptions.None));
        }

        if (isClean)
        {
            await image.DisposeAsync();
        }

        var bytes = new byte[disk.LengthBytes];
        disk.Read(0, bytes);
        return bytes;
    }

    private static async Task<byte[]> MakeChildAsync(bool isClean)
    {
        var parentDisk = new SimulatedDisk([]) { Path = "parent.vhdx" };
        new VhdxCreate(DiskBytes, IsFixed: true, 1 << 20).Write(parentDisk, Guid.NewGuid);
        await using var parent = VhdxImage.Open(new SimulatedDisk(parentDisk.Now, isReadOnly: true), Guid.NewGuid);
        var disk = new SimulatedDisk([]);
        VhdxCreate.ForParent(parent, "child.vhdx").Write(disk, Guid.NewGuid);
        var image = VhdxImage.Open(disk, Guid.NewGuid);
        image.UserItems.Write(Guid.NewGuid(), new byte[300], isVirtualDisk: true);
        image.Parent = VhdxImage.Open(new SimulatedDisk(parentDisk.Now, isReadOnly: true), Guid.NewGuid);
        using var buffer = new NativeBuffer(1 << 16);
        for (var block = 0; block < 3; block++)
        {
            buffer.Span.Fill((byte)(block + 1));
            Assert.Equal(BlockStatus.Ok, await image.WriteAsync((long)block << 20, new IoVector(new[] { buffer.Segment }, buffer.LengthBytes), WriteOptions.None));
        }

        if (isClean)
        {
            await image.DisposeAsync();
        }

        var bytes = new byte[disk.LengthBytes];
        disk.Read(0, bytes);
        return bytes;
    }

    // Every structure has its turn; what has a checksum gets the right one, mostly, or nothing behind it would ever be tried.
    private static void Damage(byte[] bytes, Random random)
    {
        for (var count = random.Next(1, 4); count > 0; count--)
        {
            switch (random.Next(9))
            {
                case 0:
                    Change(bytes.AsSpan((int)VhdxLimits.FileIdentifierOffset, VhdxFileIdentifier.LengthBytes), random, 16);
                    break;
                case 1:
                    var header = bytes.AsSpan((int)(random.Next(2) == 0 ? VhdxLimits.FirstHeaderOffset : VhdxLimits.SecondHeaderOffset), VhdxHeader.LengthBytes);
                    Change(header, random, 80);
                    Seal(header, random);
                    break;
                case 2:
                    var regions = bytes.AsSpan((int)VhdxLimits.FirstRegionTableOffset, VhdxRegionTable.LengthBytes);
                    Change(regions, random, 16 + (3 * 32));
                    Seal(regions, random);
                    if (random.Next(2) == 0)
                    {
                        regions.CopyTo(bytes.AsSpan((int)VhdxLimits.SecondRegionTableOffset));
                    }

                    break;
                case 3:
                    Change(bytes.AsSpan(2 << 20, VhdxMetadataTable.LengthBytes), random, 32 + (6 * 32));
                    break;
                case 4:
                    Change(bytes.AsSpan((2 << 20) + VhdxMetadataTable.LengthBytes, 40), random, 40);
                    break;
                case 6:
                    // The parent locator, in a child; nothing in the others.
                    Change(bytes.AsSpan((2 << 20) + VhdxMetadataTable.LengthBytes + 40, 160), random, 160);
                    break;
                case 7:
                    // The entry of the first chunk's bitmap.
                    Change(bytes.AsSpan((3 << 20) + (4096 * 8), 8), random, 8);
                    break;
                case 5:
                    Change(bytes.AsSpan(3 << 20, 64), random, 64);
                    break;
                default:
                    DamageLog(bytes, random);
                    break;
            }
        }
    }

    private static void DamageLog(byte[] bytes, Random random)
    {
        var entry = bytes.AsSpan((1 << 20) + (random.Next(4) * 8192));
        Change(entry, random, random.Next(2) == 0 ? VhdxLogEntryHeader.LengthBytes + (2 * VhdxLogDescriptor.LengthBytes) : 8192);
        var length = BinaryPrimitives.ReadInt32LittleEndian(entry[8..]);
        if (random.Next(5) > 0 && length is >= VhdxLogEntryHeader.LengthBytes and < 1 << 20)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(
                entry[VhdxLogEntryHeader.ChecksumOffset..], Crc32C.ComputeWithout(entry[..length], VhdxLogEntryHeader.ChecksumOffset));
        }
    }

    private static void Seal(Span<byte> structure, Random random)
    {
        if (random.Next(5) > 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(structure[4..], Crc32C.ComputeWithout(structure, 4));
        }
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
                var number = structure.Slice(at / 8 * 8, 8);
                BinaryPrimitives.WriteUInt64LittleEndian(number, BinaryPrimitives.ReadUInt64LittleEndian(number) + ((ulong)random.Next(-2, 3) << random.Next(64)));
                break;
        }
    }
}
