using System.Collections.Concurrent;
using System.Diagnostics;

namespace Vireo.Testing;

/// <summary>
/// Starts programs from a thread that lives as long as the tests do. nbdkit in the foreground asks the kernel for SIGTERM when the thread that started it
/// ends (PR_SET_PDEATHSIG is about threads, not processes), and threads of the pool and of the test runner come and go.
/// </summary>
public static class LastingThread
{
    private static readonly BlockingCollection<Action> s_work = Begin();

    /// <summary>As <see cref="Process.Start(ProcessStartInfo)"/>, with its exceptions.</summary>
    public static Process Start(ProcessStartInfo start)
    {
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        s_work.Add(() =>
        {
            try
            {
                started.SetResult(Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start."));
            }
            catch (Exception exception)
            {
                started.SetException(exception);
            }
        });
        return started.Task.GetAwaiter().GetResult();
    }

    private static BlockingCollection<Action> Begin()
    {
        var work = new BlockingCollection<Action>();
        new Thread(() =>
        {
            foreach (var action in work.GetConsumingEnumerable())
            {
                action();
            }
        })
        {
            IsBackground = true,
            Name = "starts programs",
        }.Start();
        return work;
    }
}
