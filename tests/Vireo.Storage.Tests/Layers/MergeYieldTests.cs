using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Storage.Layers;
using Vireo.Storage.Tests.Stacks;
using Vireo.Storage.Tests.Support;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Layers;

/// <summary>A merge takes a sixth of the time while the guest writes, and all of it otherwise; on a clock that only the copies and the pauses move.</summary>
[Requirement("CP-2")]
public sealed class MergeYieldTests
{
    private const int Megabytes = 32;
    private static readonly TimeSpan s_pieceTakes = TimeSpan.FromMilliseconds(10);

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public async Task WhileTheGuestWrites_TheMergeTakesASixthOfTheTime(bool isGuestsOwn, bool isGuestWriting)
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["parent.vhdx"], new VhdxCreate(Megabytes << 20, IsFixed: false, 1 << 20));
        var parent = ImageFile.Open(folder["parent.vhdx"], new ImageOpenOptions());
        ImageFile.Create(folder["child.avhdx"], VhdxCreate.ForParent(parent, folder["child.avhdx"], 1 << 20));
        await using var child = ImageFile.Open(Disks.Files.SystemImageFile.Open(folder["child.avhdx"], readOnly: false), DiskFormat.Vhdx);
        child.Parent = parent;
        using var buffer = new TestBuffer(1 << 20);
        buffer.Span.Fill(7);
        for (var at = 0; at < Megabytes - 1; at++)
        {
            Assert.Equal(BlockStatus.Ok, await child.WriteAsync((long)at << 20, buffer.Vector, WriteOptions.None));
        }

        var clock = new SimulatedClock();
        var writes = 0L;
        await using var target = new SlowLayer(clock);
        target.Attach(parent);
        await using var merge = new MirrorLayer(
            "merge", child, target, isGuestsOwn ? null : () => isGuestWriting ? Interlocked.Increment(ref writes) : 5, bytesPerSecond: 0, clock);
        merge.Attach(child);

        // Where the child holds nothing, so that no block is written again and again.
        target.Written = () => isGuestsOwn && isGuestWriting ? merge.WriteZeroesAsync((Megabytes - 1) << 20, 4096, WriteOptions.None) : ValueTask.FromResult(BlockStatus.Ok);
        merge.Start();
        var paused = TimeSpan.Zero;
        while (!merge.Settled.IsCompleted)
        {
            await Wait.UntilAsync("the merge pauses or ends", () => clock.NextTimer is not null || merge.Settled.IsCompleted);
            if (clock.NextTimer is { } next)
            {
                paused += next - clock.Now;
                clock.AdvanceTo(next);
            }
        }

        Assert.Equal((MirrorPhase.Ready, null), (merge.Phase, merge.Failure));
        Assert.Equal(Megabytes - 1, target.Writes);

        // After the last copies there is nothing left to wait for.
        Assert.InRange(paused / (target.Writes * s_pieceTakes), isGuestWriting ? 4.2 : 0, isGuestWriting ? 5.01 : 0);
    }

    private sealed class SlowLayer(SimulatedClock clock) : LayerBase("slow")
    {
        private readonly Lock _lock = new();

        public int Writes { get; private set; }

        public Func<ValueTask<BlockStatus>>? Written { get; set; }

        public override async ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
        {
            lock (_lock)
            {
                Writes++;
                clock.AdvanceTo(clock.Now + s_pieceTakes);
            }

            Assert.Equal(BlockStatus.Ok, await Written!());
            return await base.WriteAsync(offsetBytes, buffers, options);
        }
    }
}
