using System.Diagnostics;

namespace Vireo.Platform.Testing;

/// <summary>
/// A named place at which a test can cut the power. <c>VIREO_CRASH_AT=name</c> kills the process with SIGKILL at the first hit of
/// that name, <c>name:3</c> at the third; without the variable a hit costs one static field read.
/// </summary>
public static class CrashPoint
{
    private static readonly string? s_name;
    private static int s_remaining;

    static CrashPoint()
    {
        var wanted = Environment.GetEnvironmentVariable("VIREO_CRASH_AT");
        if (string.IsNullOrEmpty(wanted))
        {
            return;
        }

        var colon = wanted.LastIndexOf(':');
        if (colon > 0 && int.TryParse(wanted.AsSpan(colon + 1), out var count))
        {
            s_name = wanted[..colon];
            s_remaining = count;
        }
        else
        {
            s_name = wanted;
            s_remaining = 1;
        }
    }

    /// <summary>Marks the place <paramref name="name"/>, for example <c>vhdx.log.written</c>.</summary>
    public static void Hit(string name)
    {
        if (s_name is null)
        {
            return;
        }

        if (string.Equals(s_name, name, StringComparison.Ordinal) && Interlocked.Decrement(ref s_remaining) == 0)
        {
            // SIGKILL, not an exception: nothing may be flushed, unwound or logged, as with a power cut.
            Process.GetCurrentProcess().Kill();
            // Allowed: the signal is on its way; nothing after this line may run.
            Thread.Sleep(Timeout.Infinite);
        }
    }
}
