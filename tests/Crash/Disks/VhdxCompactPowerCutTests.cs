using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Memory;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Crash.Tests.Disks;

/// <summary>
/// Compacting where a block would fit only into the place that another one has just left: until the table says durably that it was left, that place
/// holds the only copy that counts.
/// </summary>
public sealed class VhdxCompactPowerCutTests(ITestOutputHelper output)
{
    private const int BlockBytes = 2 << 20;
    private const int VariantsOfACut = 6;

    // In chunks of their own, so that each has a sector bitmap of 1 MB behind it.
    private static readonly long[] s_kept = [1, 2048, 4096, 6144];

    [Fact]
    [Requirement("VD-3")]
    public async Task PlaceThatABlockLeft_IsNotUsed_BeforeThatIsDurable()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var parent = new SimulatedDisk([]) { Path = "parent.vhdx" };
        new VhdxCreate(16L << 30, IsFixed: false, BlockBytes).Write(parent, Guid.NewGuid);
        var made = new SimulatedDisk([]);
        await using (var opened = VhdxImage.Open(parent, Guid.NewGuid))
        {
            // The parent holds something everywhere, so that a child's block is partially present at first.
            foreach (var block in s_kept)
            {
                await WriteAsync(opened, block, BlockBytes, 0xEE);
            }

            VhdxCreate.ForParent(opened, "child.vhdx", BlockBytes).Write(made, Guid.NewGuid);
        }

        // In the file: a block that will be free; then four times a block and a bitmap, which is of no use once its block is whole.
        var disk = new SimulatedDisk(made.Now);
        await using (var image = Open(disk, parent))
        {
            await WriteAsync(image, 0, BlockBytes, 0xDD);
            foreach (var block in s_kept)
            {
                await WriteAsync(image, block, GuestModel.SectorBytes, 0xCC);
                Assert.Equal(VhdxBlockState.PartiallyPresent, image.FindBlock(block).State);
                await WriteAsync(image, block, BlockBytes, Mark(block));
            }

            Assert.Equal(BlockStatus.Ok, await image.TrimAsync(0, BlockBytes));
        }

        var start = new SimulatedDisk(disk.Now);
        long[] before;
        long[] after;
        await using (var image = Open(start, parent))
        {
            before = [.. s_kept.Select(block => image.FindBlock(block).OffsetBytes)];
            await image.Maintenance!.CompactAsync(CompactMode.Quick, null, CancellationToken.None);
            after = [.. s_kept.Select(block => image.FindBlock(block).OffsetBytes)];
        }

        var cuts = new PowerCut(start);
        for (var count = 0; count <= start.History.Count; count++)
        {
            for (var variant = 0; variant < VariantsOfACut; variant++)
            {
                var when = $"seed {seed}, cut before change {count} of {start.History.Count}";
                var left = cuts.Cut(count, random);
                var report = VhdxChecker.Check(new SimulatedDisk(left, isReadOnly: true), CancellationToken.None);
                Assert.True(report.IsSound, $"{when}: {string.Join("; ", report.Findings.Select(static finding => finding.Message))}");
                await using var image = Open(new SimulatedDisk(left, isReadOnly: true), parent);
                foreach (var block in s_kept)
                {
                    await CheckAsync(image, block, when);
                }
            }
        }

        // The third went down, and the fourth fits only where the third was.
        Assert.True(after[2] < before[2]);
        Assert.Equal(before[3], after[3]);
    }

    private static byte Mark(long block) => (byte)(1 + (block >> 11));

    private static VhdxImage Open(SimulatedDisk disk, SimulatedDisk parent)
    {
        var image = VhdxImage.Open(disk, Guid.NewGuid, static work => work());
        image.Parent = VhdxImage.Open(new SimulatedDisk(parent.Now, isReadOnly: true), Guid.NewGuid);
        return image;
    }

    private static async Task WriteAsync(VhdxImage image, long block, int lengthBytes, byte mark)
    {
        using var buffer = new NativeBuffer(lengthBytes);
        buffer.Span.Fill(mark);
        Assert.Equal(BlockStatus.Ok, await image.WriteAsync(block * BlockBytes, new IoVector(new[] { buffer.Segment }, lengthBytes), WriteOptions.None));
    }

    private static async Task CheckAsync(VhdxImage image, long block, string when)
    {
        // At its ends and on both sides of its middle.
        using var buffer = new NativeBuffer(GuestModel.SectorBytes);
        foreach (var position in new[] { 0, (BlockBytes / 2) - GuestModel.SectorBytes, BlockBytes / 2, BlockBytes - GuestModel.SectorBytes })
        {
            Assert.Equal(BlockStatus.Ok, await image.ReadAsync((block * BlockBytes) + position, new IoVector(new[] { buffer.Segment }, buffer.LengthBytes)));
            Assert.True(buffer.Span.IndexOfAnyExcept(Mark(block)) < 0, $"{when}: block {block} holds {buffer.Span[0]} at {position}");
        }
    }
}
