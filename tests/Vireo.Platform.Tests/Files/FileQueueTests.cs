using Vireo.Platform.Events;
using Vireo.Platform.Files;
using Vireo.Platform.Memory;
using Vireo.Testing;

namespace Vireo.Platform.Tests.Files;

/// <summary>File operations of a reactor, by the kernel's ring and by pool threads: the same for both.</summary>
public sealed class FileQueueTests
{
    private const int BlockBytes = 4096;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task MoreOperationsThanTheQueueHolds_AllMoveTheirBytes(bool useRing)
    {
        const int count = 3000;
        using var folder = new TempFolder();
        using var file = NativeFile.TryCreate(folder["f"], out _)!;
        using var reactor = new Reactor("files", useRing: useRing);
        using var memory = new NativeBuffer(count * BlockBytes);
        for (var i = 0; i < memory.LengthBytes; i++)
        {
            memory.Span[i] = (byte)(i * 7 / 13);
        }

        Assert.Equal(useRing, await reactor.InvokeAsync(() => reactor.Files.UsesRing));
        var written = await (await reactor.InvokeAsync(() => Task.WhenAll(Enumerable.Range(0, count).Select(i =>
            reactor.Files.WriteAsync(file, (long)i * BlockBytes, Three(memory, i), 0, BlockBytes).AsTask()))));
        Assert.All(written, result => Assert.Equal(BlockBytes, result));
        Assert.Equal(0, await await reactor.InvokeAsync(() => reactor.Files.FlushAsync(file).AsTask()));
        using var target = new NativeBuffer(count * BlockBytes);
        var read = await (await reactor.InvokeAsync(() => Task.WhenAll(Enumerable.Range(0, count).Select(i =>
            reactor.Files.ReadAsync(file, (long)i * BlockBytes, Three(target, i), 0, BlockBytes).AsTask()))));
        Assert.All(read, result => Assert.Equal(BlockBytes, result));
        Assert.True(memory.Span.SequenceEqual(target.Span));
        var content = await File.ReadAllBytesAsync(folder["f"]);
        Assert.True(memory.Span.SequenceEqual(content));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task EndOfFileAndErrors_AreAnswers(bool useRing)
    {
        using var folder = new TempFolder();
        await File.WriteAllBytesAsync(folder["f"], new byte[1000]);
        using var file = NativeFile.TryOpen(folder["f"], writable: false, out _)!;
        using var reactor = new Reactor("files", useRing: useRing);
        using var memory = new NativeBuffer(BlockBytes);
        Assert.Equal(1000, await await reactor.InvokeAsync(() => reactor.Files.ReadAsync(file, 0, [memory.Segment], 0, BlockBytes).AsTask()));
        Assert.Equal(0, await await reactor.InvokeAsync(() => reactor.Files.ReadAsync(file, 5000, [memory.Segment], 0, BlockBytes).AsTask()));
        const int badDescriptor = 9;
        Assert.Equal(-badDescriptor, await await reactor.InvokeAsync(() => reactor.Files.WriteAsync(file, 0, [memory.Segment], 0, BlockBytes).AsTask()));
        const int badAddress = 14;
        var nowhere = new IoSegment(4096, BlockBytes);
        Assert.Equal(-badAddress, await await reactor.InvokeAsync(() => reactor.Files.ReadAsync(file, 0, [nowhere], 0, BlockBytes).AsTask()));
    }

    [Fact]
    public async Task ManySegments_TakeSeveralCalls()
    {
        const int segments = 1000;
        using var folder = new TempFolder();
        using var file = NativeFile.TryCreate(folder["f"], out _)!;
        using var reactor = new Reactor("files");
        using var memory = new NativeBuffer(segments * 16);
        new Random(5).NextBytes(memory.Span);
        var pieces = Enumerable.Range(0, segments).Select(i => memory.Segment.Slice(i * 16, 16)).ToArray();
        Assert.Equal(segments * 16 - 5, await await reactor.InvokeAsync(() => reactor.Files.WriteAsync(file, 3, pieces, 5, (segments * 16) - 5).AsTask()));
        var content = await File.ReadAllBytesAsync(folder["f"]);
        Assert.True(memory.Span[5..].SequenceEqual(content.AsSpan(3)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TheSteadyState_AllocatesNothing(bool useRing)
    {
        using var folder = new TempFolder();
        using var file = NativeFile.TryCreate(folder["f"], out _)!;
        using var reactor = new Reactor("files", useRing: useRing);
        using var memory = new NativeBuffer(BlockBytes);
        var loop = new Loop(reactor, file, memory.Segment);
        await loop.RunAsync(500);
        var before = await reactor.InvokeAsync(GC.GetAllocatedBytesForCurrentThread);
        await loop.RunAsync(5000);
        var after = await reactor.InvokeAsync(GC.GetAllocatedBytesForCurrentThread);
        Assert.InRange(after - before, 0, 4096);
    }

    // Three segments for each block, so that vectors are not trivial.
    private static IoSegment[] Three(NativeBuffer memory, int block)
    {
        var whole = memory.Segment.Slice(block * BlockBytes, BlockBytes);
        return [whole.Slice(0, 100), whole.Slice(100, 2000), whole.Slice(2100, BlockBytes - 2100)];
    }

    // One write after the other, without a task between them.
    private sealed class Loop(Reactor reactor, NativeFile file, IoSegment segment)
    {
        private readonly IoSegment[] _segments = [segment];
        private System.Runtime.CompilerServices.ValueTaskAwaiter<long> _awaiter;
        private TaskCompletionSource _done = new();
        private Action? _next;
        private int _left;

        public async Task RunAsync(int count)
        {
            _next ??= Next;
            _left = count;
            _done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await reactor.InvokeAsync(Begin);
            await _done.Task;
        }

        private void Begin()
        {
            Await(reactor.Files.WriteAsync(file, 0, _segments, 0, BlockBytes));
        }

        private void Await(ValueTask<long> operation)
        {
            _awaiter = operation.GetAwaiter();
            _awaiter.UnsafeOnCompleted(_next!);
        }

        private void Next()
        {
            if (_awaiter.GetResult() != BlockBytes)
            {
                _done.SetException(new IOException("A write was short."));
            }
            else if (--_left == 0)
            {
                _done.SetResult();
            }
            else
            {
                Begin();
            }
        }
    }
}
