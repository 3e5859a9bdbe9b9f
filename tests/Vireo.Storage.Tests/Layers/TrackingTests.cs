using Vireo.Disks;
using Vireo.Storage.Layers;
using Vireo.Storage.Stacks;
using Vireo.Storage.Tests.Stacks;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Storage.Tests.Layers;

/// <summary>What a tracking layer says was written, compared with what was written.</summary>
[Requirement("BK-1")]
public sealed class TrackingTests(ITestOutputHelper output)
{
    private const int SizeBytes = 96 << 20;
    private const int Granule = 64 << 10;

    [Fact]
    public async Task EachCheckpoint_KnowsEveryChangeSinceIt_AlsoAfterKillsAndCleanEnds()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var folder = new TempFolder();
        var written = new Dictionary<string, HashSet<long>>();
        var device = new MemoryBlockDevice(SizeBytes);
        var boot = "boot";
        var (stack, layer) = await OpenAsync(device, folder["changes"], boot);
        for (var step = 0; step < 400; step++)
        {
            switch (random.Next(12))
            {
                case 0 when written.Count < 5:
                    var name = $"at {step}";
                    await stack.RunQuietAsync(() => Run(() => layer.AddCheckpoint(name)));
                    written.Add(name, []);
                    break;
                case 1 when written.Count > 0:
                    var gone = written.Keys.ElementAt(random.Next(written.Count));
                    await stack.RunQuietAsync(() => Run(() => layer.RemoveCheckpoint(gone)));
                    written.Remove(gone);
                    break;
                case 2:
                    // A killed process: the object is left as it is, and another opens the same files.
                    (stack, layer) = await OpenAsync(device, folder["changes"], boot);
                    break;
                case 3:
                    await layer.DisposeAsync();
                    (stack, layer) = await OpenAsync(device, folder["changes"], boot = $"boot {step}");
                    break;
                default:
                    await WriteAsync(stack, random, written);
                    break;
            }

            Check(layer, written, exactly: true, $"seed {seed} step {step}");
        }

        Assert.False(layer.IsConservative);
        await layer.DisposeAsync();
    }

    [Fact]
    public async Task PowerCut_ForgetsNoWrite_AndCountsOnlyRegionsThatWereWritten()
    {
        using var folder = new TempFolder();
        var written = new Dictionary<string, HashSet<long>> { ["full"] = [] };
        var device = new MemoryBlockDevice(SizeBytes);
        var (stack, layer) = await OpenAsync(device, folder["changes"], "boot");
        layer.AddCheckpoint("full");
        using var buffer = new TestBuffer(4096);
        await stack.WriteAsync(70 << 20, buffer.Vector, WriteOptions.None);
        written["full"].Add((70 << 20) / Granule);

        // What a power cut may leave of the newest file: the head and the regions, which were made durable, and no granules.
        var newest = Directory.GetFiles(folder["changes"], "*.bits").Order().Last();
        var bytes = await File.ReadAllBytesAsync(newest);
        bytes.AsSpan(8192).Clear();
        await File.WriteAllBytesAsync(newest, bytes);
        (_, layer) = await OpenAsync(device, folder["changes"], "another boot");
        Check(layer, written, exactly: false, "after the power cut");
        Assert.True(layer.IsConservative);
        Assert.Equal(32 << 20, layer.ChangedBytes("full"));
    }

    [Fact]
    public async Task ImageThatWasChangedElsewhere_CountsAsChangedAllOver()
    {
        using var folder = new TempFolder();
        var device = new MemoryBlockDevice(SizeBytes);
        var (_, layer) = await OpenAsync(device, folder["changes"], "boot", "first");
        layer.AddCheckpoint("full");
        await layer.DisposeAsync();
        (_, layer) = await OpenAsync(device, folder["changes"], "boot", "first");
        Assert.Equal(0, layer.ChangedBytes("full"));
        await layer.DisposeAsync();
        (_, layer) = await OpenAsync(device, folder["changes"], "boot", "second");
        Assert.Equal(SizeBytes, layer.ChangedBytes("full"));
    }

    [Fact]
    public async Task WritesOfMarkedPlaces_AllocateNothing_AndWritesWithoutAMarkFail()
    {
        using var folder = new TempFolder();
        var (stack, layer) = await OpenAsync(new MemoryBlockDevice(SizeBytes), folder["changes"], "boot");
        using var buffer = new TestBuffer(4096);
        await stack.WriteAsync(0, buffer.Vector, WriteOptions.None);
        Assert.False(SendAll(stack, buffer, 1000) > 0);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.False(SendAll(stack, buffer, 10_000) > 0);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000);
        Assert.Throws<ArgumentException>(() =>
        {
            layer.AddCheckpoint("a");
            layer.AddCheckpoint("a");
        });
        await layer.DisposeAsync();
    }

    // Writes that did not complete at once, or failed.
    private static int SendAll(DiskStack stack, TestBuffer buffer, int count)
    {
        var (vector, late) = (buffer.Vector, 0);
        for (var i = 0; i < count; i++)
        {
#pragma warning disable CA2012 // Allowed: over memory a request is complete when the call returns.
            var request = stack.WriteAsync(4096, vector, WriteOptions.None);
            late += request.IsCompletedSuccessfully && request.GetAwaiter().GetResult() == BlockStatus.Ok ? 0 : 1;
#pragma warning restore CA2012
        }

        return late;
    }

    private static ValueTask Run(Action action)
    {
        action();
        return ValueTask.CompletedTask;
    }

    private static async Task WriteAsync(DiskStack stack, Random random, Dictionary<string, HashSet<long>> written)
    {
        using var buffer = new TestBuffer(512 * random.Next(1, 600));
        var length = buffer.Span.Length;
        var offset = random.NextInt64((SizeBytes - length) / 512) * 512;
        var status = random.Next(4) switch
        {
            0 => await stack.WriteZeroesAsync(offset, length, WriteOptions.None),
            1 => await stack.TrimAsync(offset, length),
            _ => await stack.WriteAsync(offset, buffer.Vector, WriteOptions.None),
        };
        Assert.Equal(BlockStatus.Ok, status);
        foreach (var set in written.Values)
        {
            for (var granule = offset / Granule; granule <= (offset + length - 1) / Granule; granule++)
            {
                set.Add(granule);
            }
        }
    }

    private static void Check(TrackingLayer layer, Dictionary<string, HashSet<long>> written, bool exactly, string when)
    {
        Assert.Equal(written.Keys.Order(), layer.Checkpoints.Order());
        foreach (var (name, expected) in written)
        {
            var extents = new List<BlockExtent>();
            for (var at = 0L; at < SizeBytes; at = extents[^1].OffsetBytes + extents[^1].LengthBytes)
            {
                Assert.Equal(BlockStatus.Ok, layer.MapChangesAsync(name, at, SizeBytes - at, extents).AsTask().GetAwaiter().GetResult());
            }

            var said = extents.Where(extent => extent.Kind != 0).SelectMany(extent => Enumerable.Range((int)(extent.OffsetBytes / Granule), (int)(extent.LengthBytes / Granule)))
                .Select(granule => (long)granule).ToHashSet();
            Assert.True(expected.IsSubsetOf(said), $"{when}: '{name}' forgot {string.Join(", ", expected.Except(said))}");
            Assert.True(!exactly || said.SetEquals(expected), $"{when}: '{name}' says too much");
        }
    }

    private static async Task<(DiskStack Stack, TrackingLayer Layer)> OpenAsync(MemoryBlockDevice device, string folder, string bootId, string fingerprint = "same")
    {
        var layer = new TrackingLayer("changes", folder, Granule, bootId);
        layer.Open(SizeBytes, () => fingerprint);
        var stack = new DiskStack(device, "memory", violation => Assert.Fail(violation.Message));
        await stack.InsertAsync(layer);
        return (stack, layer);
    }
}
