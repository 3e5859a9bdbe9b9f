using Vireo.Disks;
using Vireo.Disks.Vhd;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Memory;
using Vireo.Storage.Layers;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Crash.Tests.Disks;

/// <summary>
/// A guest writes, zeroes and flushes a disk whose image is merged into its parent meanwhile; then the power of both files is cut, or the process
/// killed, at moments of their common history. The chain that is left is whole and holds what the guest may find, and so does the parent alone
/// once the merge went on to its end.
/// </summary>
[Requirement("CP-2")]
[Requirement("CP-3")]
public sealed class MergePowerCutTests(ITestOutputHelper output)
{
    private const int Sectors = 4 << 11;
    private const int ManyCuts = 10_000;

    [Theory]
    [InlineData(DiskFormat.Vhdx)]
    [InlineData(DiskFormat.Vhd)]
    public async Task PowerCutAnywhereInAMerge_LeavesAChain_ThatMergesToTheEnd(DiskFormat format) => await CutAsync(format, 25, TestSeed.Next());

    [Theory]
    [InlineData(DiskFormat.Vhdx)]
    [InlineData(DiskFormat.Vhd)]
    [Trait("Category", "Long")]
    public async Task ManyPowerCuts_LeaveChainsThatMergeToTheEnd(DiskFormat format)
    {
        var cuts = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, ManyCuts / 200), async (part, _) => Interlocked.Add(ref cuts, await CutAsync(format, 200, TestSeed.Next() + part)));
        output.WriteLine($"{cuts} power cuts");
        Assert.Equal(ManyCuts, cuts);
    }

    [Theory]
    [InlineData(DiskFormat.Vhdx)]
    [InlineData(DiskFormat.Vhd)]
    public async Task KillAnywhereInAMerge_LosesNothingThatCompleted(DiskFormat format)
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var guest = new MergeGuest(format, random);
        await guest.RunAsync();
        output.WriteLine($"seed {seed} ({format}), {guest.Order.Count} changes, {guest.Steps} requests");
        foreach (var count in Enumerable.Range(0, 15).Select(_ => random.Next(guest.MergeBegan, guest.MergeEnded + 1)))
        {
            var when = $"seed {seed} ({format}), kill before change {count} of {guest.Order.Count}";
            var (child, parent) = guest.CountsAt(count);
            var (before, newest) = guest.ModelAt(count);
            newest.CheckNewest(await guest.ReadChainAsync(PowerCut.Kill(guest.Child, child), PowerCut.Kill(guest.Parent, parent), when), before, when);
        }
    }

    private async Task<int> CutAsync(DiskFormat format, int cuts, int seed)
    {
        var random = new Random(seed);
        var guest = new MergeGuest(format, random);
        await guest.RunAsync();
        output.WriteLine($"seed {seed} ({format}), {guest.Order.Count} changes, {guest.Steps} requests");
        var (childCuts, parentCuts) = (new PowerCut(guest.Child), new PowerCut(guest.Parent));
        var flushes = guest.Flushes();
        var done = 0;
        foreach (var count in Enumerable.Range(0, cuts).Select(i => i % 2 == 0 ? flushes[random.Next(flushes.Length)] : random.Next(guest.MergeBegan, guest.MergeEnded + 1)).Order())
        {
            var when = $"seed {seed} ({format}), cut before change {count} of {guest.Order.Count}";
            var (child, parent) = guest.CountsAt(count);
            var (left, leftParent) = (childCuts.Cut(child, random), parentCuts.Cut(parent, random));
            var (_, possible) = guest.ModelAt(count);
            CheckStructure(format, left, when + ", child");
            CheckStructure(format, leftParent, when + ", parent");
            possible.CheckPossible(await guest.ReadChainAsync(left, leftParent, when), when);
            if (done++ % 4 == 0)
            {
                possible.CheckPossible(await guest.MergeRestAsync(left, leftParent, when), when + ", merged to the end");
            }
        }

        return done;
    }

    private static void CheckStructure(DiskFormat format, SparseBytes content, string when)
    {
        var file = new SimulatedDisk(content, isReadOnly: true);
        var report = format == DiskFormat.Vhdx ? VhdxChecker.Check(file, CancellationToken.None) : VhdChecker.Check(file, CancellationToken.None);
        Assert.True(report.IsSound, $"{when}: {string.Join("; ", report.Findings.Select(static finding => finding.Message))}");
    }

    /// <summary>What a guest did while its disk was merged.</summary>
    private sealed class MergeGuest(DiskFormat format, Random random)
    {
        private readonly GuestModel _model = new(Sectors);
        private readonly List<(int Count, GuestModel Before, GuestModel Possible)> _models = [];
        private int _steps;

        public List<SimulatedDisk> Order { get; } = [];

        public SimulatedDisk Child { get; private set; } = null!;

        public SimulatedDisk Parent { get; private set; } = null!;

        public int Steps => _steps;

        /// <summary>When the merge began, in changes of both disks.</summary>
        public int MergeBegan { get; private set; }

        /// <summary>When it had ended, and a little later.</summary>
        public int MergeEnded { get; private set; }

        public async Task RunAsync()
        {
            await PrepareAsync();
            await using var child = Open(Child, Parent, "at the start");
            var layer = Merge(child);
            await using (layer)
            {
                // Whoever copies lets the guest write while it waits for the disk; a guest that waits for it, in a block that is held, is not waited for.
                Parent.BeforeFlush = () =>
                {
                    var seen = Volatile.Read(ref _steps);
                    SpinWait.SpinUntil(() => Volatile.Read(ref _steps) >= seen + 3, TimeSpan.FromMilliseconds(5));
                };
                _models.Add((0, _model.Clone(), _model.Clone()));
                for (var step = 0; step < 20; step++)
                {
                    await StepAsync(layer);
                }

                MergeBegan = Order.Count;
                layer.Start();
                for (var after = 0; after < 10; after += layer.Settled.IsCompleted ? 1 : 0)
                {
                    await Task.Run(() => StepAsync(layer));
                }

                MergeEnded = Order.Count;

                Assert.Equal(MirrorPhase.Ready, layer.Phase);
                Assert.True(await layer.CompleteAsync());
                Parent.BeforeFlush = null;
            }

            _model.CheckNewest(await ReadAsync(child), _model, "at the end");
            _model.CheckNewest(await ReadAsync(child.Parent!), _model, "at the end, the parent alone");
        }

        public (int Child, int Parent) CountsAt(int count)
        {
            var child = Order.Take(count).Count(disk => disk == Child);
            return (child, count - child);
        }

        public (GuestModel Before, GuestModel Possible) ModelAt(int count)
        {
            var (_, before, possible) = _models.FindLast(model => model.Count <= count);
            return (before, possible);
        }

        /// <summary>The flushes while the merge ran: right before them most is at stake.</summary>
        public int[] Flushes()
        {
            var (child, parent) = (0, 0);
            int[] all = [.. Enumerable.Range(0, Order.Count).Where(i => (Order[i] == Child ? Child.History[child++] : Parent.History[parent++]).Kind == ChangeKind.Flush)];
            return [.. all.Where(i => i >= MergeBegan && i <= MergeEnded)];
        }

        public async Task<byte[]> ReadChainAsync(SparseBytes child, SparseBytes parent, string when)
        {
            await using var image = Open(new SimulatedDisk(child, isReadOnly: true), new SimulatedDisk(parent, isReadOnly: true), when);
            return await ReadAsync(image);
        }

        /// <summary>Goes on with the merge of what was left, and reads the parent without the child.</summary>
        public async Task<byte[]> MergeRestAsync(SparseBytes child, SparseBytes parent, string when)
        {
            await using var image = Open(new SimulatedDisk(child), new SimulatedDisk(parent), when);
            var layer = Merge(image);
            await using (layer)
            {
                layer.Start();
                await layer.Settled;
                Assert.True(await layer.CompleteAsync(), when);
            }

            return await ReadAsync(image.Parent!);
        }

        private static MirrorLayer Merge(IDiskImage child)
        {
            var layer = new MirrorLayer("merge", child, child.Parent!, guestWrites: null, bytesPerSecond: 4 << 20, new HastyClock());
            layer.Attach(child);
            return layer;
        }

        private async Task PrepareAsync()
        {
            var made = new SimulatedDisk([]);
            var madeChild = new SimulatedDisk([]);
            if (format == DiskFormat.Vhdx)
            {
                new VhdxCreate(Sectors * 512L, IsFixed: false, 1 << 20).Write(made, Guid.NewGuid);
            }
            else
            {
                new VhdCreate(Sectors * 512L, IsFixed: false, 512 << 10).Write(made, Guid.NewGuid);
            }

            await using (var parent = Open(made, null, "parent"))
            {
                for (var i = 0; i < 12; i++)
                {
                    await WriteAnyAsync(parent);
                }

                if (format == DiskFormat.Vhdx)
                {
                    VhdxCreate.ForParent(parent, "child.vhdx", 1 << 20).Write(madeChild, Guid.NewGuid);
                }
                else
                {
                    new VhdCreate(Sectors * 512L, IsFixed: false, 512 << 10, new VhdParent(parent.Identity, [".\\parent.vhd"], DateTimeOffset.UnixEpoch)).Write(madeChild, Guid.NewGuid);
                }
            }

            await using (var child = Open(madeChild, new SimulatedDisk(made.Now, isReadOnly: true), "child"))
            {
                for (var i = 0; i < 8; i++)
                {
                    await WriteAnyAsync(child);
                }

                Assert.Equal(BlockStatus.Ok, await child.FlushAsync());
            }

            _model.Flushed();
            Parent = new SimulatedDisk(made.Now) { Order = Order, Path = "parent." + format };
            Child = new SimulatedDisk(madeChild.Now) { Order = Order, Path = "child." + format };
        }

        private IDiskImage Open(SimulatedDisk disk, SimulatedDisk? parent, string when)
        {
            try
            {
                IDiskImage image = format == DiskFormat.Vhdx ? VhdxImage.Open(disk, Guid.NewGuid) : VhdImage.Open(disk);
                image.Parent = parent is null ? null : Open(parent, null, when);
                return image;
            }
            catch (ImageException exception)
            {
                throw new Xunit.Sdk.XunitException($"{when}: {exception.Message}", exception);
            }
        }

        private async Task StepAsync(MirrorLayer layer)
        {
            var before = _model.Clone();
            switch (random.Next(6))
            {
                case 0:
                    Assert.Equal(BlockStatus.Ok, await layer.FlushAsync());
                    _model.Flushed();
                    before = _model.Clone();
                    break;
                case 1:
                    var (first, count) = Range();
                    _model.Zero(first, count);
                    Remember(before);
                    Assert.Equal(BlockStatus.Ok, await layer.WriteZeroesAsync(first * 512L, count * 512L, random.Next(2) == 0 ? WriteOptions.None : WriteOptions.MayTrim));
                    break;
                case 2:
                    // Durable when it completes; what else was written stays open.
                    await WriteAnyAsync(layer, () => Remember(before), WriteOptions.ForceUnitAccess);
                    break;
                default:
                    await WriteAnyAsync(layer, () => Remember(before));
                    break;
            }

            Remember(_model.Clone());
            Interlocked.Increment(ref _steps);
        }

        private void Remember(GuestModel before)
        {
            lock (Order)
            {
                _models.Add((Order.Count, before, _model.Clone()));
            }
        }

        private (int First, int Count) Range()
        {
            var count = random.Next(4) == 0 ? random.Next(1, 2500) : random.Next(1, 20);
            return (random.Next(Sectors - count), count);
        }

        private async Task WriteAnyAsync(IBlockDevice device, Action? begun = null, WriteOptions options = WriteOptions.None)
        {
            var (first, count) = Range();
            var content = _model.Write(first, count);
            begun?.Invoke();
            using var buffer = new NativeBuffer(content.Length);
            content.CopyTo(buffer.Span);
            Assert.Equal(BlockStatus.Ok, await device.WriteAsync(first * 512L, new IoVector(new[] { buffer.Segment }, content.Length), options));
            if ((options & WriteOptions.ForceUnitAccess) != 0)
            {
                _model.Flushed(first, count);
            }
        }

        private static async Task<byte[]> ReadAsync(IDiskImage image)
        {
            using var buffer = new NativeBuffer(Sectors * 512);
            Assert.Equal(BlockStatus.Ok, await image.ReadAsync(0, new IoVector(new[] { buffer.Segment }, buffer.LengthBytes)));
            return buffer.Span.ToArray();
        }
    }

    // A copy at a limited rate takes small windows; on this clock it waits for nothing.
    private sealed class HastyClock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Interlocked.Add(ref _now, 1000);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? TimeSpan.Zero : dueTime, period);
    }
}
