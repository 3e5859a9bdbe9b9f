using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Memory;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Crash.Tests.Disks;

/// <summary>
/// A guest writes, zeroes, trims and flushes; then, for each moment of the recorded history, the power is cut or the process killed, the
/// image is opened and compared with what the guest may find.
/// </summary>
public sealed class VhdxPowerCutTests(ITestOutputHelper output)
{

    [Theory]
    [Requirement("VD-3")]
    [InlineData(16, 60, 40, 25)] // the file grows until the end
    [InlineData(4, 250, 5, 10)]
    [InlineData(4, 1200, 1, 1)] // the log wraps, and has to make room for itself
    public async Task PowerCutAnywhere_LeavesAWholeImage_WithEverythingThatWasFlushed(int megabytes, int steps, int cutsPerHundred, int flushPercent)
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var (disk, models) = await RunGuestAsync(random, megabytes, steps, flushPercent);
        var cut = new PowerCut(disk);
        for (var count = 0; count <= disk.History.Count; count++)
        {
            if (random.Next(100) >= cutsPerHundred)
            {
                continue;
            }

            var when = $"seed {seed}, cut before change {count} of {disk.History.Count}";
            var model = ModelAt(models, count);
            var left = cut.Cut(count, random);
            model.Possible.CheckPossible(await ReadAllAsync(left, isReadOnly: true, when), when + ", read-only");

            // Opening for writing replays the log on disk; the power may go again while it does.
            var second = new SimulatedDisk(left);
            await using (var image = Open(second, when))
            {
                Assert.Equal(megabytes << 20, image.Geometry.SizeBytes);
            }

            var again = new PowerCut(second).Cut(random.Next(second.History.Count + 1), random);
            model.Possible.CheckPossible(await ReadAllAsync(again, isReadOnly: false, when), when + ", cut again during replay");
        }
    }

    [Fact]
    [Requirement("VD-3")]
    public async Task KillAnywhere_LosesNothingThatCompleted()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var (disk, models) = await RunGuestAsync(random, 6, 120, 25, trims: false);
        for (var count = 0; count <= disk.History.Count; count++)
        {
            if (random.Next(100) >= 25)
            {
                continue;
            }

            var when = $"seed {seed}, kill before change {count} of {disk.History.Count}";
            var model = ModelAt(models, count);
            model.Possible.CheckNewest(await ReadAllAsync(PowerCut.Kill(disk, count), isReadOnly: random.Next(2) == 0, when), model.Before, when);
        }
    }

    private static async Task<(SimulatedDisk Disk, List<(int Count, GuestModel Before, GuestModel Possible)> Models)> RunGuestAsync(
        Random random, int megabytes, int steps, int flushPercent, bool trims = true)
    {
        var sectors = megabytes * (1 << 20) / GuestModel.SectorBytes;
        var made = new SimulatedDisk([]);
        new VhdxCreate(megabytes << 20, IsFixed: false, 1 << 20).Write(made, Guid.NewGuid);
        var disk = new SimulatedDisk(PowerCut.Kill(made, made.History.Count));
        var image = VhdxImage.Open(disk, Guid.NewGuid);
        var model = new GuestModel(sectors);
        var models = new List<(int Count, GuestModel Before, GuestModel Possible)> { (0, model.Clone(), model.Clone()) };
        for (var step = 0; step < steps; step++)
        {
            var count = random.Next(3) == 0 ? random.Next(1, 2500) : random.Next(1, 20);
            var first = random.Next(sectors - count);
            var before = model.Clone();
            var begun = disk.History.Count;
            BlockStatus status;
            switch (random.Next(100) < flushPercent ? -1 : random.Next(8))
            {
                case 0 or 1 when trims:
                    first = random.Next(megabytes) * 2048;
                    count = 2048;
                    for (var i = first; i < first + count; i++)
                    {
                        model.Trimmed.Add(i);
                    }

                    model.Zero(first, count);
                    Remember();
                    status = await image.TrimAsync((long)first * GuestModel.SectorBytes, (long)count * GuestModel.SectorBytes);
                    break;
                case 2:
                    Untrim(model, first, count);
                    model.Zero(first, count);
                    Remember();
                    status = await image.WriteZeroesAsync(
                        (long)first * GuestModel.SectorBytes, (long)count * GuestModel.SectorBytes, random.Next(2) == 0 ? WriteOptions.None : WriteOptions.MayTrim);
                    break;
                case -1:
                    Remember();
                    status = await image.FlushAsync();
                    model.Flushed();
                    break;
                default:
                    Untrim(model, first, count);
                    var content = model.Write(first, count);
                    Remember();
                    status = await WriteAsync(image, (long)first * GuestModel.SectorBytes, content);
                    break;
            }

            Assert.Equal(BlockStatus.Ok, status);
            models.Add((disk.History.Count, model.Clone(), model.Clone()));

            // A change that belongs to the running request may or may not be there.
            void Remember() => models.Add((begun + 1, before, model.Clone()));
        }

        if (random.Next(2) == 0)
        {
            await image.DisposeAsync();
        }

        return (disk, models);
    }

    private static void Untrim(GuestModel model, int first, int count)
    {
        for (var i = first; i < first + count; i++)
        {
            model.Trimmed.Remove(i);
        }
    }

    private static (GuestModel Before, GuestModel Possible) ModelAt(List<(int Count, GuestModel Before, GuestModel Possible)> models, int count)
    {
        var (_, before, possible) = models.FindLast(model => model.Count <= count);
        return (before, possible);
    }

    private static async Task<BlockStatus> WriteAsync(IBlockDevice image, long offset, byte[] content)
    {
        using var buffer = new NativeBuffer(content.Length);
        content.CopyTo(buffer.Span);
        return await image.WriteAsync(offset, new IoVector(new[] { buffer.Segment }, content.Length), WriteOptions.None);
    }

    private static VhdxImage Open(SimulatedDisk disk, string when)
    {
        try
        {
            return VhdxImage.Open(disk, Guid.NewGuid);
        }
        catch (ImageException exception)
        {
            throw new Xunit.Sdk.XunitException($"{when}: {exception.Message}", exception);
        }
    }

    private static async Task<byte[]> ReadAllAsync(SparseBytes content, bool isReadOnly, string when)
    {
        await using var image = Open(new SimulatedDisk(content, isReadOnly), when);
        using var buffer = new NativeBuffer((int)image.Geometry.SizeBytes);
        Assert.Equal(BlockStatus.Ok, await image.ReadAsync(0, new IoVector(new[] { buffer.Segment }, buffer.LengthBytes)));
        return buffer.Span.ToArray();
    }
}
