using Vireo.Disks;
using Vireo.Storage.Layers;
using Vireo.Storage.NbdClient;
using Vireo.Storage.Stacks;
using Vireo.Storage.Tests.FrontEnds.Nbd;
using Vireo.Storage.Tests.Stacks;
using Vireo.Storage.Tests.Support;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Storage.Tests.Layers;

/// <summary>A mirror under a model that writes all the time: both sides are the same when it is ready, and the guest never notices.</summary>
[Requirement("SM-1")]
public sealed class MirrorTests(ITestOutputHelper output)
{
    private const int SizeBytes = 32 << 20;

    [Theory]
    [InlineData("memory", false)]
    [InlineData("vhdx to vhdx", false)]
    [InlineData("vhdx to raw", false)]
    [InlineData("nbd", false)]
    [InlineData("nbd with tls", false)]
    [InlineData("vhdx to vhdx", true)]
    public async Task UnderLoad_BothSidesBecomeTheSame_AndTheTargetTakesOver(string kind, bool isSpliced)
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        using var folder = new TempFolder();
        var (source, target, disposeTarget) = await OpenAsync(kind, folder);
        await using var served = disposeTarget;
        await using var stack = new DiskStack(source, "source", violation => Assert.Fail(violation.Message));
        using var model = new DeviceModel(stack, seed);
        await model.RunAsync(200);
        var mirror = new MirrorLayer("mirror", target, isTargetZero: true, bytesPerSecond: 0, TimeProvider.System);
        await stack.InsertAsync(mirror, 0);
        using var stop = new CancellationTokenSource();
        var guest = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await model.RunAsync(5);
            }
        });
        mirror.Start();
        while (isSpliced && !mirror.Settled.IsCompleted)
        {
            await stack.InsertAsync(new PassThroughLayer("visitor"), 0);
            await stack.RemoveAsync("visitor");
        }

        await mirror.Settled.WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal((MirrorPhase.Ready, null), (mirror.Phase, mirror.Failure));
        await mirror.PrepareAsync();
        var old = await stack.ReplaceImageAsync(target, "target", async () => Assert.True(await mirror.CompleteAsync()), "mirror");
        await old.DisposeAsync();
        Assert.Empty(stack.Layers);
        await stop.CancelAsync();
        await guest;
        await model.CompareAsync(stack);
        Assert.True(mirror.CopiedBytes <= SizeBytes);
    }

    [Fact]
    public async Task SeveralWritersOfTheSamePlaces_LeaveBothSidesTheSame()
    {
        var (source, target) = (new MemoryBlockDevice(SizeBytes), new MemoryBlockDevice(SizeBytes));
        await using var stack = new DiskStack(source, "source", violation => Assert.Fail(violation.Message));
        await stack.InsertAsync(new DelayedDevice("slow"));
        var mirror = new MirrorLayer("mirror", target, isTargetZero: false, bytesPerSecond: 0, TimeProvider.System);
        await stack.InsertAsync(mirror);
        var writers = Enumerable.Range(1, 6).Select(writer => Task.Run(async () =>
        {
            using var buffer = new TestBuffer(64 << 10);
            var random = new Random(writer);
            for (var round = 0; round < 1500; round++)
            {
                // A few places only, so that writers meet.
                buffer.Span.Fill((byte)(writer + (round * 8)));
                var length = random.Next(1, 128) * 512;
                await stack.WriteAsync((random.Next(256) << 17) + (random.Next(16) * 512), new IoVector(new[] { buffer.Vector.Segments[0].Slice(0, length) }, length), WriteOptions.None);
            }
        })).ToArray();
        mirror.Start();
        await Task.WhenAll(writers);
        await mirror.Settled;
        Assert.Equal(MirrorPhase.Ready, mirror.Phase);
        Assert.True(source.Content.SequenceEqual(target.Content));
    }

    [Fact]
    public async Task SparseSource_StaysSparse()
    {
        using var folder = new TempFolder();
        ImageFile.CreateRaw(folder["source.img"], 128 << 20, reserve: false);
        ImageFile.CreateRaw(folder["target.img"], 128 << 20, reserve: false);
        await using var stack = new DiskStack(ImageFile.Open(folder["source.img"], new ImageOpenOptions()), "source", violation => Assert.Fail(violation.Message));
        using var buffer = new TestBuffer(1 << 20);
        buffer.Span.Fill(9);
        await stack.WriteAsync(64 << 20, buffer.Vector, WriteOptions.None);
        await using var target = ImageFile.Open(folder["target.img"], new ImageOpenOptions());
        var mirror = new MirrorLayer("mirror", target, isTargetZero: true, bytesPerSecond: 0, TimeProvider.System);
        await stack.InsertAsync(mirror);
        mirror.Start();
        await mirror.Settled;
        Assert.Equal((MirrorPhase.Ready, 1L << 20), (mirror.Phase, mirror.CopiedBytes));
        Assert.InRange(long.Parse(Peer.Run("du", "-k", folder["target.img"]).Split('\t')[0]), 1, 2048);
        Peer.Run("cmp", folder["source.img"], folder["target.img"]);
    }

    [Theory]
    [InlineData(BlockOperations.Write)]
    [InlineData(BlockOperations.Flush)]
    public async Task TargetThatFails_EndsTheMirror_AndNeverReachesTheGuest(BlockOperations failing)
    {
        var source = new MemoryBlockDevice(SizeBytes);
        var target = new DiskStack(new MemoryBlockDevice(SizeBytes), "target", _ => { });
        await target.InsertAsync(new FaultLayer("fault", failing, BlockStatus.NoSpace, 20, new Random(1)));
        await using var disposed = target;
        await using var stack = new DiskStack(source, "source", violation => Assert.Fail(violation.Message));
        using var model = new DeviceModel(stack, 3);
        await model.RunAsync(50);
        var mirror = new MirrorLayer("mirror", target, isTargetZero: true, bytesPerSecond: 0, TimeProvider.System);
        await stack.InsertAsync(mirror);
        mirror.Start();
        while (mirror.Phase != MirrorPhase.Failed)
        {
            await model.RunAsync(20);
            await mirror.PrepareAsync();
        }

        Assert.Contains("NoSpace", mirror.Failure, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InvalidOperationException>(() => stack.ReplaceImageAsync(
            target, "target", async () => _ = await mirror.CompleteAsync() ? true : throw new InvalidOperationException("refused"), "mirror"));
        await model.RunAsync(50);
        await stack.RemoveAsync("mirror");
        await model.CompareAsync(stack);
    }

    [Fact]
    public async Task Cancel_InTheMiddle_LeavesTheSource()
    {
        var clock = new SimulatedClock();
        await using var stack = new DiskStack(new MemoryBlockDevice(SizeBytes), "source", violation => Assert.Fail(violation.Message));
        using var model = new DeviceModel(stack, 4);
        await model.RunAsync(50);
        await using var target = new MemoryBlockDevice(SizeBytes);
        var mirror = new MirrorLayer("mirror", target, isTargetZero: true, bytesPerSecond: 1 << 20, clock);
        await stack.InsertAsync(mirror);
        mirror.Start();

        // A block a second: by the clock that stands the copy cannot end.
        await Wait.UntilAsync("the copy waits", () => clock.NextTimer is not null);
        await model.RunAsync(50);
        Assert.Equal(MirrorPhase.Copying, mirror.Phase);
        Assert.True(await stack.RemoveAsync("mirror"));
        await model.RunAsync(50);
        await model.CompareAsync(stack);
    }

    [Fact]
    public async Task RateLimit_HoldsTheCopyBack_ByItsClock()
    {
        var clock = new SimulatedClock();
        var source = new MemoryBlockDevice(SizeBytes);
        source.Content.Fill(1);
        await using var stack = new DiskStack(source, "source", violation => Assert.Fail(violation.Message));
        await using var target = new MemoryBlockDevice(SizeBytes);
        var mirror = new MirrorLayer("mirror", target, isTargetZero: true, bytesPerSecond: 4 << 20, clock);
        await stack.InsertAsync(mirror);
        mirror.Start();
        while (!mirror.Settled.IsCompleted)
        {
            await Wait.UntilAsync("the copy waits or ends", () => clock.NextTimer is not null || mirror.Settled.IsCompleted);
            Assert.InRange(mirror.CursorBytes, 0, (clock.Now.TotalSeconds * (4 << 20)) + MirrorLayer.BlockBytes);
            if (clock.NextTimer is { } next)
            {
                clock.AdvanceTo(next);
            }
        }

        Assert.InRange(clock.Now.TotalSeconds, 7.5, 8.1);
        Assert.True(source.Content.SequenceEqual(target.Content));
    }

    private static async Task<(IBlockDevice Source, IBlockDevice Target, IAsyncDisposable Served)> OpenAsync(string kind, TempFolder folder)
    {
        IBlockDevice source = new MemoryBlockDevice(SizeBytes);
        if (kind.StartsWith("vhdx", StringComparison.Ordinal))
        {
            ImageFile.Create(folder["source.vhdx"], new Disks.Vhdx.VhdxCreate(SizeBytes, IsFixed: false, 1 << 20));
            source = ImageFile.Open(folder["source.vhdx"], new ImageOpenOptions());
        }

        switch (kind)
        {
            case "memory":
                return (source, new MemoryBlockDevice(SizeBytes), new Nothing());
            case "vhdx to vhdx":
                ImageFile.Create(folder["target.vhdx"], new Disks.Vhdx.VhdxCreate(SizeBytes, IsFixed: false, 2 << 20));
                return (source, ImageFile.Open(folder["target.vhdx"], new ImageOpenOptions()), new Nothing());
            case "vhdx to raw":
                ImageFile.CreateRaw(folder["target.img"], SizeBytes, reserve: false);
                return (source, ImageFile.Open(folder["target.img"], new ImageOpenOptions()), new Nothing());
            case "nbd":
                var ours = new NbdServer(folder, new MemoryBlockDevice(SizeBytes));
                return (source, await NbdImage.OpenAsync(ours.Uri, NbdClientOptions.Default, TimeProvider.System), ours);
            default:
                var certificates = Certificates.Make(folder["certificates"]);
                var kit = await ServerProcess.StartAsync(
                    folder["k.sock"], "nbdkit", "-f", "-U", folder["k.sock"], "--tls=require", $"--tls-certificates={certificates}", "--tls-verify-peer", "memory", "32M");
                var uri = $"nbds+unix:///?socket={folder["k.sock"]}&tls-certificates={certificates}";
                return (source, await NbdImage.OpenAsync(uri, NbdClientOptions.Default, TimeProvider.System), new Nothing(kit));
        }
    }

    private sealed class Nothing(IDisposable? owned = null) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            owned?.Dispose();
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>Lets others run in the middle of each request.</summary>
    private sealed class DelayedDevice(string name) : LayerBase(name)
    {
        public override async ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers)
        {
            await Task.Yield();
            var status = await Below.ReadAsync(offsetBytes, buffers);
            await Task.Yield();
            return status;
        }

        public override async ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
        {
            await Task.Yield();
            var status = await Below.WriteAsync(offsetBytes, buffers, options);
            await Task.Yield();
            return status;
        }
    }
}
