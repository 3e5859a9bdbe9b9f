using Vireo.Disks;
using Vireo.Disks.Vhd;
using Vireo.Platform.Memory;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Crash.Tests.Disks;

/// <summary>
/// A guest writes, zeroes and flushes a VHD, which has no log; then, for each moment of the recorded history, the power is cut or the process
/// killed, the image is opened and compared with what the guest may find.
/// </summary>
public sealed class VhdPowerCutTests(ITestOutputHelper output)
{
    private const int Megabytes = 6;
    private const int ManyCuts = 10_000;

    [Theory]
    [Requirement("VD-2")]
    [InlineData(false, 40)]
    [InlineData(true, 40)]
    public async Task PowerCutAnywhere_LeavesAWholeImage_WithEverythingThatWasFlushed(bool hasParent, int cutsPerHundred) =>
        await CutAsync(hasParent, cutsPerHundred, TestSeed.Next());

    [Fact]
    [Requirement("VD-2")]
    [Trait("Category", "Long")]
    public async Task ManyPowerCuts_LeaveWholeImages()
    {
        // Each guest works and is cut on one processor.
        var cuts = 0;
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Environment.ProcessorCount),
            async (worker, _) =>
            {
                for (var round = worker; Volatile.Read(ref cuts) < ManyCuts; round += Environment.ProcessorCount)
                {
                    Interlocked.Add(ref cuts, await CutAsync(hasParent: round % 2 == 0, cutsPerHundred: 100, TestSeed.Next() + round));
                }
            });
        output.WriteLine($"{cuts} power cuts");
    }

    private async Task<int> CutAsync(bool hasParent, int cutsPerHundred, int seed)
    {
        output.WriteLine($"seed {seed} ({(hasParent ? "with" : "without")} a parent)");
        var random = new Random(seed);
        var run = await RunGuestAsync(random, hasParent);
        var cuts = new PowerCut(run.Disk);
        var done = 0;
        for (var count = 0; count <= run.Disk.History.Count; count++)
        {
            if (random.Next(100) >= cutsPerHundred)
            {
                continue;
            }

            done++;
            var when = $"seed {seed}, cut before change {count} of {run.Disk.History.Count}";
            var left = cuts.Cut(count, random);
            var model = run.ModelAt(count);
            model.Possible.CheckPossible(await ReadAllAsync(left, run.Parent, isReadOnly: true, when), when + ", read-only");

            // Opening for writing may repair the footer; the power may go again while it does.
            var second = new SimulatedDisk(left);
            await using (Open(second, run.Parent, when))
            {
            }

            var again = new PowerCut(second).Cut(random.Next(second.History.Count + 1), random);
            model.Possible.CheckPossible(await ReadAllAsync(again, run.Parent, isReadOnly: false, when), when + ", cut again");
        }

        return done;
    }

    [Theory]
    [Requirement("VD-2")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task KillAnywhere_LosesNothingThatCompleted(bool hasParent)
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var run = await RunGuestAsync(random, hasParent);
        for (var count = 0; count <= run.Disk.History.Count; count++)
        {
            if (random.Next(100) >= 25)
            {
                continue;
            }

            var when = $"seed {seed}, kill before change {count} of {run.Disk.History.Count}";
            var model = run.ModelAt(count);
            model.Possible.CheckNewest(
                await ReadAllAsync(PowerCut.Kill(run.Disk, count), run.Parent, isReadOnly: random.Next(2) == 0, when), model.Before, when);
        }
    }

    [Theory]
    [Requirement("VD-8")]
    [InlineData(VhdDiskType.Fixed)]
    [InlineData(VhdDiskType.Dynamic)]
    [InlineData(VhdDiskType.Differencing)]
    public async Task PowerCutInAChangeOfTheWhole_LeavesTheImageAsBeforeOrAsAfter(VhdDiskType type)
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var made = new SimulatedDisk([]);
        var parent = type == VhdDiskType.Differencing ? new VhdParent(Guid.NewGuid(), [".\\parent.vhd"], DateTimeOffset.UnixEpoch) : null;
        new VhdCreate(Megabytes << 20, type == VhdDiskType.Fixed, 512 << 10, parent).Write(made, Guid.NewGuid);
        var model = new GuestModel(Megabytes * 2048);
        await using (var image = VhdImage.Open(made))
        {
            for (var block = 11; block >= 0; block--)
            {
                if (block is 2 or 5 or 6 or 11)
                {
                    continue;
                }

                Assert.Equal(BlockStatus.Ok, await WriteAsync(image, (long)block << 19, model.Write(block * 1024, 16)));
            }

            if (type != VhdDiskType.Differencing)
            {
                model.Zero(7 * 1024, 16);
                Assert.Equal(BlockStatus.Ok, await image.WriteZeroesAsync(7L << 19, 8192, WriteOptions.None));
            }
        }

        model.Flushed();
        var paths = new[] { ".\\parent.vhd", "..\\elsewhere\\parent.vhd" };
        Func<IImageMaintenance, Task>[] changes =
        [
            static maintenance => maintenance.ResizeAsync(40 << 20, null, CancellationToken.None),
            static maintenance => maintenance.ResizeAsync(6 << 20, null, CancellationToken.None),
            static maintenance => maintenance.CompactAsync(CompactMode.Full, null, CancellationToken.None),
            maintenance =>
            {
                maintenance.SetParentReference(new ParentReference([paths[1]], parent!.Id));
                return Task.CompletedTask;
            },
        ];
        var allowed = type switch
        {
            VhdDiskType.Fixed => new[] { 0, 1 },
            VhdDiskType.Dynamic => [0, 1, 2],
            _ => [0, 2, 3],
        };
        var content = made.Now;
        foreach (var change in allowed)
        {
            var disk = new SimulatedDisk(content);
            var image = VhdImage.Open(disk);
            var before = image.Geometry.SizeBytes;
            await changes[change](image.Maintenance!);
            var after = image.Geometry.SizeBytes;
            await image.DisposeAsync();
            var cuts = new PowerCut(disk);
            for (var count = 0; count <= disk.History.Count; count++)
            {
                for (var variant = 0; variant < 12; variant++)
                {
                    var when = $"seed {seed}, change {change}, cut before {count} of {disk.History.Count}";
                    var left = new SimulatedDisk(cuts.Cut(count, random));
                    var opened = Open(left, null, when);
                    await using (opened)
                    {
                        Assert.Contains(opened.Geometry.SizeBytes, new[] { before, after });
                        if (type == VhdDiskType.Differencing)
                        {
                            Assert.Contains(Assert.Single(opened.ParentReference!.Paths, ParentIs), paths);
                            await CheckOwnAsync(opened, model, when);
                        }
                        else
                        {
                            var bytes = await ReadAllAsync(opened, (int)opened.Geometry.SizeBytes);
                            model.CheckPossible(bytes[..(Megabytes << 20)], when);
                            Assert.True(bytes.AsSpan(Megabytes << 20).IndexOfAnyExcept((byte)0) < 0, $"{when}: new space is not zeros");
                        }
                    }
                }
            }

            content = disk.Now;
        }

        static bool ParentIs(string path) => path.StartsWith('.');
    }

    private static async Task CheckOwnAsync(IDiskImage image, GuestModel model, string when)
    {
        // What the image does not hold is the parent's; here the parent is zeros.
        var parent = new SimulatedDisk([]);
        new VhdCreate(image.Geometry.SizeBytes, IsFixed: false).Write(parent, Guid.NewGuid);
        image.Parent = VhdImage.Open(parent);
        var bytes = await ReadAllAsync(image, Megabytes << 20);
        model.CheckPossible(bytes, when);
    }

    private static async Task<Run> RunGuestAsync(Random random, bool hasParent)
    {
        const int sectors = Megabytes << 11;
        var model = new GuestModel(sectors);
        SimulatedDisk? parent = null;
        VhdParent? reference = null;
        if (hasParent)
        {
            parent = new SimulatedDisk([]);
            new VhdCreate(Megabytes << 20, IsFixed: false, 512 << 10).Write(parent, Guid.NewGuid);
            await using (var image = VhdImage.Open(parent))
            {
                for (var i = 0; i < 10; i++)
                {
                    var first = random.Next(sectors - 1000);
                    Assert.Equal(BlockStatus.Ok, await WriteAsync(image, first * 512L, model.Write(first, random.Next(1, 1000))));
                }

                reference = new VhdParent(image.Identity, [".\\parent.vhd"], DateTimeOffset.UnixEpoch);
            }

            model.Flushed();
        }

        var made = new SimulatedDisk([]);
        new VhdCreate(Megabytes << 20, IsFixed: false, 512 << 10, reference).Write(made, Guid.NewGuid);
        var disk = new SimulatedDisk(made.Now);
        var run = new Run(disk, parent, []);
        run.Models.Add((0, model.Clone(), model.Clone()));
        var guest = Open(disk, parent, "start");
        for (var step = 0; step < 70; step++)
        {
            var count = random.Next(3) == 0 ? random.Next(1, 2500) : random.Next(1, 20);
            var first = random.Next(sectors - count);
            var before = model.Clone();
            var begun = disk.History.Count;
            BlockStatus status;
            switch (random.Next(6))
            {
                case 0:
                    run.Models.Add((begun + 1, before, model.Clone()));
                    status = await guest.FlushAsync();
                    model.Flushed();
                    break;
                case 1:
                    model.Zero(first, count);
                    run.Models.Add((begun + 1, before, model.Clone()));
                    status = await guest.WriteZeroesAsync(first * 512L, count * 512L, random.Next(2) == 0 ? WriteOptions.None : WriteOptions.MayTrim);
                    break;
                default:
                    var content = model.Write(first, count);
                    run.Models.Add((begun + 1, before, model.Clone()));
                    status = await WriteAsync(guest, first * 512L, content);
                    break;
            }

            Assert.Equal(BlockStatus.Ok, status);
            run.Models.Add((disk.History.Count, model.Clone(), model.Clone()));
        }

        if (random.Next(2) == 0)
        {
            await guest.DisposeAsync();
        }

        return run;
    }

    private static IDiskImage Open(SimulatedDisk disk, SimulatedDisk? parent, string when)
    {
        try
        {
            var image = VhdImage.Open(disk);
            if (parent is not null)
            {
                image.Parent = VhdImage.Open(new SimulatedDisk(parent.Now, isReadOnly: true));
            }

            return image;
        }
        catch (ImageException exception)
        {
            throw new Xunit.Sdk.XunitException($"{when}: {exception.Message}", exception);
        }
    }

    private static async Task<BlockStatus> WriteAsync(IDiskImage image, long offset, byte[] content)
    {
        using var buffer = new NativeBuffer(content.Length);
        content.CopyTo(buffer.Span);
        return await image.WriteAsync(offset, new IoVector(new[] { buffer.Segment }, content.Length), WriteOptions.None);
    }

    private static async Task<byte[]> ReadAllAsync(SparseBytes content, SimulatedDisk? parent, bool isReadOnly, string when)
    {
        await using var image = Open(new SimulatedDisk(content, isReadOnly), parent, when);
        return await ReadAllAsync(image, Megabytes << 20);
    }

    private static async Task<byte[]> ReadAllAsync(IDiskImage image, int length)
    {
        using var buffer = new NativeBuffer(length);
        Assert.Equal(BlockStatus.Ok, await image.ReadAsync(0, new IoVector(new[] { buffer.Segment }, buffer.LengthBytes)));
        return buffer.Span.ToArray();
    }

    /// <summary>What happened, and what the guest may find after each change.</summary>
    private sealed record Run(SimulatedDisk Disk, SimulatedDisk? Parent, List<(int Count, GuestModel Before, GuestModel Possible)> Models)
    {
        public (GuestModel Before, GuestModel Possible) ModelAt(int count)
        {
            var (_, before, possible) = Models.FindLast(model => model.Count <= count);
            return (before, possible);
        }
    }
}
