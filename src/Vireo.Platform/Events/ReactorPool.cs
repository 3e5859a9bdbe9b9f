namespace Vireo.Platform.Events;

/// <summary>
/// A few reactors that many devices share: whoever needs one takes the next, so that load is spread. A device costs no thread, and one that
/// has nothing to do costs nothing.
/// </summary>
public sealed class ReactorPool : IDisposable
{
    private const int SharedMaximum = 8;
    private static readonly Lazy<ReactorPool> s_shared = new(() => new ReactorPool("io", Math.Clamp(Environment.ProcessorCount, 1, SharedMaximum)));
    private readonly Reactor[] _reactors;
    private int _next = -1;

    /// <summary>Starts <paramref name="count"/> reactors, called <paramref name="name"/>-0 and so on.</summary>
    /// <param name="name">Name of the threads, for tools.</param>
    /// <param name="count">At least one.</param>
    /// <param name="spin">See <see cref="Reactor"/>.</param>
    /// <param name="useRing">See <see cref="Reactor"/>.</param>
    public ReactorPool(string name, int count, TimeSpan? spin = null, bool useRing = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        _reactors = new Reactor[count];
        for (var i = 0; i < count; i++)
        {
            _reactors[i] = new Reactor($"{name}-{i}", spin, useRing);
        }
    }

    /// <summary>The reactors of this process, one for each processor up to eight. They live as long as the process.</summary>
    public static ReactorPool Shared => s_shared.Value;

    /// <summary>All of them.</summary>
    public IReadOnlyList<Reactor> Reactors => _reactors;

    /// <summary>The next one, in turns. From any thread.</summary>
    public Reactor Next() => _reactors[(uint)Interlocked.Increment(ref _next) % (uint)_reactors.Length];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var reactor in _reactors)
        {
            reactor.Dispose();
        }
    }
}
