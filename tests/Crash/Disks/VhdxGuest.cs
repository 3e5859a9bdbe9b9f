using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Memory;

namespace Vireo.Crash.Tests.Disks;

/// <summary>What a guest is to do.</summary>
/// <param name="HasParent">The disk is a differencing one over a parent full of data.</param>
/// <param name="Blocks">The blocks that the guest uses, by their numbers; far apart, so that they are in different pages of the block table.</param>
/// <param name="Steps">Requests.</param>
/// <param name="FlushPercent">How many of them are flushes.</param>
/// <param name="Trims">Whether it trims.</param>
/// <param name="MaintenancePercent">How many of the requests are changes of the image as a whole.</param>
/// <param name="BlockMegabytes">Size of a block. From 2 on a place that one block leaves may fit another where the gaps between them do not.</param>
internal sealed record VhdxGuestPlan(bool HasParent, int[] Blocks, int Steps, int FlushPercent, bool Trims = true, int MaintenancePercent = 0, int BlockMegabytes = 1)
{
    /// <summary>The same in bytes.</summary>
    public int BlockBytes => BlockMegabytes << 20;
}

/// <summary>A guest that did its work on a simulated disk, and what it may find at each moment of the disk's history.</summary>
internal sealed class VhdxGuest
{
    // Of each block the guest looks at the beginning and the end, so that many power cuts can be looked at.
    private const int HeadSectors = 64;
    private const int TailSectors = 32;
    private const int WindowSectors = HeadSectors + TailSectors;
    private readonly VhdxGuestPlan _plan;
    private readonly Random _random;
    private readonly List<(int Count, GuestModel Before, GuestModel Possible)> _models = [];
    private readonly HashSet<long> _sizes = [];
    private readonly long _sizeBytes;
    private readonly GuestModel _model;
    private SimulatedDisk? _parent;
    private VhdxImage _image = null!;

    private VhdxGuest(VhdxGuestPlan plan, Random random)
    {
        _plan = plan;
        _random = random;
        _sizeBytes = (plan.Blocks.Max() + 1L) * plan.BlockBytes;
        _model = new GuestModel(plan.Blocks.Length * WindowSectors);
    }

    public SimulatedDisk Disk { get; private set; } = null!;

    public static async Task<VhdxGuest> RunAsync(VhdxGuestPlan plan, Random random)
    {
        var guest = new VhdxGuest(plan, random);
        await guest.PrepareAsync();
        for (var step = 0; step < plan.Steps; step++)
        {
            await guest.StepAsync();
        }

        if (random.Next(2) == 0)
        {
            await guest._image.DisposeAsync();
        }

        return guest;
    }

    public (GuestModel Before, GuestModel Possible) ModelAt(int count)
    {
        var (_, before, possible) = _models.FindLast(model => model.Count <= count);
        return (before, possible);
    }

    /// <summary>Opens what a cut left; a failure names when it was.</summary>
    public VhdxImage Open(SimulatedDisk disk, string when)
    {
        try
        {
            var image = VhdxImage.Open(disk, Guid.NewGuid, static work => work());
            if (_parent is not null)
            {
                image.Parent = VhdxImage.Open(new SimulatedDisk(_parent.Now, isReadOnly: true), Guid.NewGuid);
            }

            Assert.True(_sizes.Contains(image.Geometry.SizeBytes), $"{when}: the size is {image.Geometry.SizeBytes}");
            return image;
        }
        catch (ImageException exception)
        {
            throw new Xunit.Sdk.XunitException($"{when}: {exception.Message}", exception);
        }
    }

    /// <summary>Reads what the guest looks at.</summary>
    public async Task<byte[]> ReadAllAsync(SparseBytes content, bool isReadOnly, string when)
    {
        await using var image = Open(new SimulatedDisk(content, isReadOnly), when);
        using var buffer = new NativeBuffer(HeadSectors * GuestModel.SectorBytes);
        var all = new byte[_plan.Blocks.Length * WindowSectors * GuestModel.SectorBytes];
        for (var i = 0; i < _plan.Blocks.Length; i++)
        {
            var target = all.AsMemory(i * WindowSectors * GuestModel.SectorBytes);
            await ReadAsync((long)_plan.Blocks[i] * _plan.BlockBytes, HeadSectors * GuestModel.SectorBytes, target);
            await ReadAsync(((long)_plan.Blocks[i] * _plan.BlockBytes) + _plan.BlockBytes - (TailSectors * GuestModel.SectorBytes), TailSectors * GuestModel.SectorBytes, target[(HeadSectors * GuestModel.SectorBytes)..]);
        }

        return all;

        async Task ReadAsync(long offset, int length, Memory<byte> target)
        {
            Assert.Equal(BlockStatus.Ok, await image.ReadAsync(offset, new IoVector(new[] { buffer.Segment.Slice(0, length) }, length)));
            buffer.Span[..length].CopyTo(target.Span);
        }
    }

    private async Task PrepareAsync()
    {
        var made = new SimulatedDisk([]);
        _sizes.Add(_sizeBytes);
        if (_plan.HasParent)
        {
            _parent = new SimulatedDisk([]) { Path = "parent.vhdx" };
            new VhdxCreate(_sizeBytes, IsFixed: false, _plan.BlockBytes).Write(_parent, Guid.NewGuid);
            await using var parent = VhdxImage.Open(_parent, Guid.NewGuid);
            for (var i = 0; i < _plan.Blocks.Length; i++)
            {
                // A block in which the parent has nothing takes another way.
                if (i % 4 != 3)
                {
                    Assert.Equal(BlockStatus.Ok, await WriteAsync(parent, (long)_plan.Blocks[i] * _plan.BlockBytes, WholeBlock(i, _model.Write(i * WindowSectors, WindowSectors))));
                }
            }

            _model.Flushed();
            await parent.FlushAsync();
            VhdxCreate.ForParent(parent, "child.vhdx", _plan.BlockBytes).Write(made, Guid.NewGuid);
        }
        else
        {
            new VhdxCreate(_sizeBytes, IsFixed: false, _plan.BlockBytes).Write(made, Guid.NewGuid);
        }

        Disk = new SimulatedDisk(made.Now);
        _image = Open(Disk, "at the start");
        _models.Add((0, _model.Clone(), _model.Clone()));
    }

    private async Task StepAsync()
    {
        var block = _random.Next(_plan.Blocks.Length);
        var first = _random.Next(3) == 0 ? 0 : _random.Next(WindowSectors);
        var count = _random.Next(4) == 0 ? WindowSectors - first : _random.Next(1, WindowSectors - first + 1);
        var isWhole = first == 0 && count == WindowSectors;
        var before = _model.Clone();
        var begun = Disk.History.Count;
        var kind = _random.Next(100);
        BlockStatus status;
        if (kind < _plan.MaintenancePercent)
        {
            await MaintainAsync();
            _models.Add((Disk.History.Count, _model.Clone(), _model.Clone()));
            return;
        }

        if (_random.Next(100) < _plan.FlushPercent)
        {
            Remember();
            status = await _image.FlushAsync();
            _model.Flushed();
        }
        else
        {
            switch (_random.Next(8))
            {
                case 0 or 1 when _plan.Trims:
                    (first, count) = (block * WindowSectors, WindowSectors);
                    for (var i = first; i < first + count; i++)
                    {
                        _model.Trimmed.Add(i);
                    }

                    _model.Zero(first, count);
                    Remember();
                    status = await _image.TrimAsync((long)_plan.Blocks[block] * _plan.BlockBytes, _plan.BlockBytes);
                    break;
                case 2 or 3:
                    Untrim(block, first, count);
                    _model.Zero((block * WindowSectors) + first, count);
                    Remember();
                    status = await ZeroAsync(block, first, count, isWhole, _random.Next(2) == 0 ? WriteOptions.None : WriteOptions.MayTrim);
                    break;
                default:
                    Untrim(block, first, count);
                    var content = _model.Write((block * WindowSectors) + first, count);
                    Remember();
                    status = isWhole
                        ? await WriteAsync(_image, (long)_plan.Blocks[block] * _plan.BlockBytes, WholeBlock(block, content))
                        : await WriteWindowAsync(block, first, content);
                    break;
            }
        }

        Assert.Equal(BlockStatus.Ok, status);
        _models.Add((Disk.History.Count, _model.Clone(), _model.Clone()));

        // A change that belongs to the running request may or may not be there.
        void Remember() => _models.Add((begun + 1, before, _model.Clone()));
    }

    private async Task MaintainAsync()
    {
        var maintenance = _image.Maintenance!;
        switch (_random.Next(5))
        {
            case 0 or 1:
                // The blocks in use stay; what is behind them comes and goes, across the end of the table's region too.
                var size = _sizeBytes + (_random.Next(3) switch { 0 => 0, 1 => _random.Next(1, 4000) * 512L, _ => 140L << 30 });
                _sizes.Add(size);
                await maintenance.ResizeAsync(size, null, CancellationToken.None);
                break;
            case 2:
                _image.UserItems.Write(Guid.NewGuid(), new byte[_random.Next(30000)], isVirtualDisk: true);
                break;
            default:
                await maintenance.CompactAsync((CompactMode)_random.Next(5), null, CancellationToken.None);
                break;
        }
    }

    private void Untrim(int block, int first, int count)
    {
        for (var i = first; i < first + count; i++)
        {
            _model.Trimmed.Remove((block * WindowSectors) + i);
        }
    }

    private async Task<BlockStatus> ZeroAsync(int block, int first, int count, bool isWhole, WriteOptions options)
    {
        var start = (long)_plan.Blocks[block] * _plan.BlockBytes;
        if (isWhole)
        {
            return await _image.WriteZeroesAsync(start, _plan.BlockBytes, options);
        }

        var head = Math.Max(0, Math.Min(first + count, HeadSectors) - first);
        var status = head == 0 ? BlockStatus.Ok : await _image.WriteZeroesAsync(start + (first * GuestModel.SectorBytes), head * GuestModel.SectorBytes, options);
        return status != BlockStatus.Ok || head == count
            ? status
            : await _image.WriteZeroesAsync(start + (SectorOf(first + head) * GuestModel.SectorBytes), (count - head) * GuestModel.SectorBytes, options);
    }

    private async Task<BlockStatus> WriteWindowAsync(int block, int first, byte[] content)
    {
        var start = (long)_plan.Blocks[block] * _plan.BlockBytes;
        var count = content.Length / GuestModel.SectorBytes;
        var head = Math.Max(0, Math.Min(first + count, HeadSectors) - first);
        var status = head == 0 ? BlockStatus.Ok : await WriteAsync(_image, start + (first * GuestModel.SectorBytes), content[..(head * GuestModel.SectorBytes)]);
        return status != BlockStatus.Ok || head == count
            ? status
            : await WriteAsync(_image, start + (SectorOf(first + head) * GuestModel.SectorBytes), content[(head * GuestModel.SectorBytes)..]);
    }

    // Where a sector of the window is in its block.
    private int SectorOf(int window) => window < HeadSectors ? window : (_plan.BlockBytes / GuestModel.SectorBytes) - WindowSectors + window;

    private byte[] WholeBlock(int block, byte[] window)
    {
        var whole = new byte[_plan.BlockBytes];
        whole.AsSpan().Fill((byte)block);
        window.AsSpan(0, HeadSectors * GuestModel.SectorBytes).CopyTo(whole);
        window.AsSpan(HeadSectors * GuestModel.SectorBytes).CopyTo(whole.AsSpan(_plan.BlockBytes - (TailSectors * GuestModel.SectorBytes)));
        return whole;
    }

    private static async Task<BlockStatus> WriteAsync(IBlockDevice image, long offset, byte[] content)
    {
        using var buffer = new NativeBuffer(content.Length);
        content.CopyTo(buffer.Span);
        return await image.WriteAsync(offset, new IoVector(new[] { buffer.Segment }, content.Length), WriteOptions.None);
    }
}
