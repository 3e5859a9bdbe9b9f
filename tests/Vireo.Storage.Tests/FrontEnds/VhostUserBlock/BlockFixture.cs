using Microsoft.Extensions.Logging.Abstractions;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Platform.Events;
using Vireo.Storage.FrontEnds;
using Vireo.Storage.FrontEnds.VhostUserBlock;
using Vireo.Storage.Stacks;
using Vireo.Testing;
using Vireo.Testing.Vhost;

namespace Vireo.Storage.Tests.FrontEnds.VhostUserBlock;

/// <summary>A disk served over a real socket, and a mock guest that drives it.</summary>
internal sealed class BlockFixture : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ReactorPool _reactors = new("blk-test", 1);
    private readonly List<IDisposable> _owned = [];

    private BlockFixture(IBlockDevice image, int queues, Action<BlockStatus?>? stalled)
    {
        Stack = new DiskStack(image, "disk", violation => throw new InvalidOperationException(violation.Message));
        var attachment = new DiskAttachment(Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"), "disk", false, FrontEndKind.VhostUserBlock, _folder["s"], queues);
        FrontEnd = VhostUserBlockFrontEnd.Start(new FrontEndContext(attachment, Stack, NullLoggerFactory.Instance, TimeProvider.System, stalled), _reactors);
    }

    public DiskStack Stack { get; }

    public VhostUserBlockFrontEnd FrontEnd { get; }

    public MockGuestMemory Memory { get; } = new(8 << 20);

    public MockFrontEnd Guest { get; private set; } = null!;

    public static BlockFixture Create(
        IBlockDevice image, ulong features = ulong.MaxValue & ~(1UL << 26), int queues = 2, Action<BlockStatus?>? stalled = null)
    {
        var fixture = new BlockFixture(image, queues, stalled);
        fixture.Guest = new MockFrontEnd(fixture._folder["s"]);
        fixture._owned.Add(fixture.Guest);
        fixture.Guest.Negotiate(features);
        Assert.True(fixture.Guest.SetMemory(fixture.Memory));
        return fixture;
    }

    /// <summary>A driver on queue <paramref name="index"/>, started.</summary>
    public MockBlockDriver Driver(int index = 0, int depth = 32, int dataBytes = 65536, bool indirect = false)
    {
        const ulong eventIndex = 1UL << 29;
        var queue = new MockQueue(Memory, index, 128, (Guest.Features & eventIndex) != 0);
        _owned.Add(queue);
        Guest.Start(Memory, queue);
        return new MockBlockDriver(Memory, queue, depth, dataBytes, indirect);
    }

    public async ValueTask DisposeAsync()
    {
        _owned.ForEach(owned => owned.Dispose());
        await FrontEnd.DisposeAsync();
        _reactors.Dispose();
        await Stack.DisposeAsync();
        Memory.Dispose();
        _folder.Dispose();
    }
}
