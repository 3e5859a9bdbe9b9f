using System.Runtime.CompilerServices;
using Vireo.Platform.Events;

namespace Vireo.Disks.Files;

/// <summary>
/// Awaited, it lets the rest of a method run on a thread that may wait for a disk: a pool thread, when it began on a reactor's. The rare steps
/// of a format that read or write structures go there; the others never see it.
/// </summary>
internal readonly struct PoolThread : ICriticalNotifyCompletion
{
    /// <summary>Whether a call on <paramref name="file"/> could hold up the reactor whose thread this is.</summary>
    public static bool MustNotWait(IImageFile file) => file.MayWait && Reactor.Current is not null;

    /// <summary>To be awaited.</summary>
    public static PoolThread SwitchAsync() => default;

    /// <summary>The awaiter of itself.</summary>
    public PoolThread GetAwaiter() => this;

    /// <summary>Whether this thread will do.</summary>
    public bool IsCompleted => Reactor.Current is null;

    /// <summary>Nothing to get.</summary>
    public void GetResult()
    {
    }

    /// <inheritdoc/>
    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    /// <inheritdoc/>
    public void UnsafeOnCompleted(Action continuation) => ThreadPool.UnsafeQueueUserWorkItem(static action => action(), continuation, preferLocal: false);
}
