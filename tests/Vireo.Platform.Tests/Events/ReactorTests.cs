using Vireo.Platform.Events;

namespace Vireo.Platform.Tests.Events;

public sealed class ReactorTests : IDisposable
{
    private readonly Reactor _reactor = new("test");

    [Fact]
    public async Task WorkPostedFromManyThreadsAllRunsOnTheThread()
    {
        const int threads = 4;
        const int each = 20_000;
        var counter = new Counter(_reactor, threads * each);
        var posters = Enumerable.Range(0, threads).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < each; i++)
            {
                _reactor.Post(new Step(counter));
            }
        }));
        await Task.WhenAll(posters);
        await counter.Done.WaitAsync(TimeSpan.FromMinutes(2));
        Assert.False(counter.WasElsewhere);
    }

    [Fact]
    public async Task WorkKeepsItsOrder()
    {
        var seen = new List<int>();
        for (var i = 0; i < 1000; i++)
        {
            var number = i;
            _ = _reactor.InvokeAsync(() => seen.Add(number));
        }

        await _reactor.InvokeAsync(() => { });
        Assert.Equal(Enumerable.Range(0, 1000), seen);
    }

    [Fact]
    public async Task AnEventActivatesATaskThatSleepsAgainWhenItHasNothingToDo()
    {
        using var kick = EventDescriptor.Create();
        var task = new KickedTask(_reactor, kick);
        var registration = await _reactor.InvokeAsync(
            () => _reactor.Register(kick.Descriptor, PollEvents.Readable | PollEvents.EdgeTriggered, task));
        for (var i = 0; i < 100; i++)
        {
            task.Offer();
            kick.Signal();
            await task.Taken.WaitAsync(TimeSpan.FromMinutes(2));
        }

        await _reactor.InvokeAsync(() => _reactor.Unregister(registration));
    }

    [Fact]
    public async Task AnIdleReactorIsNotWoken()
    {
        await _reactor.InvokeAsync(() => { });

        // Only the reactor itself can say that it came to rest: the second call below finds it asleep since the first.
        var before = await _reactor.InvokeAsync(() => _reactor.Sleeps);
        var after = await _reactor.InvokeAsync(() => _reactor.Sleeps);
        Assert.InRange(after - before, 0, 2);
    }

    [Fact]
    public async Task AFailureOfAnInvocationGoesToItsCaller() =>
        await Assert.ThrowsAsync<InvalidDataException>(() => _reactor.InvokeAsync(() => throw new InvalidDataException()));

    [Fact]
    public async Task AnUnregisteredHandlerIsNotCalledAnyMore()
    {
        using var one = EventDescriptor.Create();
        using var two = EventDescriptor.Create();
        var calls = new CallCounter();
        await _reactor.InvokeAsync(() =>
        {
            var first = _reactor.Register(one.Descriptor, PollEvents.Readable | PollEvents.EdgeTriggered, calls);
            one.Signal();
            _reactor.Unregister(first);
            _reactor.Register(two.Descriptor, PollEvents.Readable | PollEvents.EdgeTriggered, calls);
        });
        await _reactor.InvokeAsync(() => { });
        Assert.Equal(0, calls.Count);
    }

    [Fact]
    public async Task ATimerWakesTheReactor()
    {
        using var timer = TimerDescriptor.Create();
        var calls = new CallCounter();
        await _reactor.InvokeAsync(() => _reactor.Register(timer.Descriptor, PollEvents.Readable | PollEvents.EdgeTriggered, calls));
        timer.Set(TimeSpan.FromMilliseconds(1), TimeSpan.Zero);
        await calls.First.WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(1, timer.Drain());
    }

    public void Dispose() => _reactor.Dispose();

    private sealed class Counter(Reactor reactor, int expected)
    {
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _count;

        public Task Done => _done.Task;

        public bool WasElsewhere { get; private set; }

        public void Add()
        {
            WasElsewhere |= !reactor.IsCurrent;
            if (++_count == expected)
            {
                _done.SetResult();
            }
        }
    }

    private sealed class Step(Counter counter) : ReactorWork
    {
        protected override void Run() => counter.Add();
    }

    private sealed class CallCounter : IReactorHandler
    {
        private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Count { get; private set; }

        public Task First => _first.Task;

        public void OnEvents(PollEvents events)
        {
            Count++;
            _first.TrySetResult();
        }
    }

    private sealed class KickedTask(Reactor reactor, EventDescriptor kick) : ReactorTask, IReactorHandler
    {
        private readonly SemaphoreSlim _taken = new(0);
        private int _offered;

        public EventDescriptor Kick => kick;

        public Task Taken => _taken.WaitAsync(TimeSpan.FromMinutes(2));

        public void Offer() => Volatile.Write(ref _offered, 1);

        public void OnEvents(PollEvents events) => reactor.Activate(this);

        protected override bool Poll()
        {
            if (Interlocked.Exchange(ref _offered, 0) == 0)
            {
                return false;
            }

            _taken.Release();
            return true;
        }

        protected override bool TrySleep() => Volatile.Read(ref _offered) == 0;
    }
}
