using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Storage.Layers;
using Vireo.Storage.Stacks;
using Vireo.Storage.Tests.Stacks;

namespace Vireo.Storage.Tests.Layers;

/// <summary>A trace above a layer and one below it show what the layer does.</summary>
public sealed class LayerTests
{
    [Theory]
    [InlineData("pass")]
    [InlineData("meter")]
    [InlineData("throttle")]
    [InlineData("trace")]
    public async Task TransparentLayer_PassesEveryRequestAsItCame(string kind)
    {
        var (stack, above, below, _) = await BuildAsync(new LayerSpecification("tested", kind));
        await using (stack)
        {
            await SendOneOfEachAsync(stack);
            Assert.Equal(6, above.Requests.Count);
            Assert.Equal(below.Requests, above.Requests);
        }
    }

    [Fact]
    public async Task FaultLayer_FailsWhatItWasToldTo_AndNothingElse()
    {
        var (stack, above, below, layer) = await BuildAsync(
            new LayerSpecification("tested", "fault", Settings: new Dictionary<string, string> { ["operations"] = "Write, Flush", ["status"] = "NoSpace" }));
        await using (stack)
        {
            await SendOneOfEachAsync(stack);
            Assert.Equal(
                [BlockOperations.Write, BlockOperations.Flush], above.Requests.Where(request => request.Status == BlockStatus.NoSpace).Select(request => request.Operation));
            Assert.DoesNotContain(below.Requests, request => request.Operation is BlockOperations.Write or BlockOperations.Flush);
            Assert.Equal(2, ((FaultLayer)layer).Faults.Value);
        }
    }

    [Fact]
    public async Task FaultLayer_ChoosesTheSameRequestsForTheSameSeed()
    {
        var runs = new List<List<BlockStatus>>();
        for (var run = 0; run < 2; run++)
        {
            var (stack, _, _, _) = await BuildAsync(
                new LayerSpecification("tested", "fault", Settings: new Dictionary<string, string> { ["percent"] = "30", ["seed"] = "42" }));
            await using (stack)
            {
                var answers = new List<BlockStatus>();
                for (var i = 0; i < 200; i++)
                {
                    answers.Add(await stack.FlushAsync());
                }

                runs.Add(answers);
            }
        }

        Assert.Equal(runs[0], runs[1]);
        Assert.InRange(runs[0].Count(status => status == BlockStatus.IoError), 30, 90);
    }

    [Fact]
    public async Task DelayLayer_HoldsRequestsBackByItsClock()
    {
        var time = new StoppedClock();
        await using var stack = new DiskStack(new MemoryBlockDevice(1 << 20), "memory", _ => { });
        await stack.InsertAsync(new DelayLayer("slow", TimeSpan.FromMilliseconds(500), BlockOperations.Read, time));
        using var buffer = new TestBuffer(512);
        var read = stack.ReadAsync(0, buffer.Vector).AsTask();
        Assert.Equal(BlockStatus.Ok, await stack.WriteAsync(512, buffer.Vector, WriteOptions.None));
        Assert.False(read.IsCompleted);
        time.Fire();
        Assert.Equal(BlockStatus.Ok, await read);
    }

    [Fact]
    public async Task MeterLayer_CountsWhatSucceeded()
    {
        var (stack, _, _, layer) = await BuildAsync(new LayerSpecification("tested", "meter"));
        await using (stack)
        {
            await SendOneOfEachAsync(stack);
            using var buffer = new TestBuffer(512);
            await stack.InsertAsync(new FaultLayer("broken", BlockOperations.Read, BlockStatus.IoError, 100, new Random(1)), 0);
            Assert.Equal(BlockStatus.IoError, await stack.ReadAsync(0, buffer.Vector));
            var counts = (MeterLayer)layer;
            Assert.Equal((1, 4096, 1, 4096), (counts.Reads.Operations.Value, counts.Reads.Bytes.Value, counts.Writes.Operations.Value, counts.Writes.Bytes.Value));
            Assert.Equal((1, 1), (counts.Flushes.Operations.Value, counts.Failures.Value));
        }
    }

    [Theory]
    [InlineData("delay", "milliseconds", "soon")]
    [InlineData("delay", "milliseconds", "-1")]
    [InlineData("fault", "status", "Exploded")]
    [InlineData("fault", "percent", "101")]
    [InlineData("trace", "capacity", "0")]
    [InlineData("throttle", "maximumIops", "-1")]
    [InlineData("throttle", "burstMilliseconds", "0")]
    public void WrongSetting_IsNamed(string kind, string setting, string value)
    {
        var specification = new LayerSpecification("tested", kind, Settings: new Dictionary<string, string> { [setting] = value });
        var exception = Assert.Throws<FormatException>(() => LayerCatalog.BuiltIn(TimeProvider.System).Find(kind)!.Make(specification, new LayerSettings(specification.Settings)));
        Assert.Contains(setting, exception.Message, StringComparison.Ordinal);
    }

    private static async Task<(DiskStack Stack, TraceLayer Above, TraceLayer Below, ILayer Layer)> BuildAsync(LayerSpecification specification)
    {
        var settings = new LayerSettings(specification.Settings);
        var layer = LayerCatalog.BuiltIn(TimeProvider.System).Find(specification.Kind)!.Make(specification, settings);
        settings.RefuseUnknown();
        var above = new TraceLayer("above");
        var below = new TraceLayer("below");
        var stack = new DiskStack(new MemoryBlockDevice(1 << 20), "memory", violation => Assert.Fail(violation.Message));
        await stack.InsertAsync(below);
        await stack.InsertAsync(layer);
        await stack.InsertAsync(above);
        return (stack, above, below, layer);
    }

    private static async Task SendOneOfEachAsync(DiskStack stack)
    {
        using var buffer = new TestBuffer(4096);
        await stack.WriteAsync(8192, buffer.Vector, WriteOptions.ForceUnitAccess);
        await stack.ReadAsync(8192, buffer.Vector);
        await stack.FlushAsync();
        await stack.TrimAsync(0, 4096);
        await stack.WriteZeroesAsync(4096, 4096, WriteOptions.MayTrim);
        await stack.MapExtentsAsync(0, 8192, []);
    }

    private sealed class StoppedClock : TimeProvider
    {
        private readonly List<Action> _due = [];

        public void Fire() => _due.ForEach(action => action());

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _due.Add(() => callback(state));
            return new NoTimer();
        }

        private sealed class NoTimer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
                // Nothing runs.
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
