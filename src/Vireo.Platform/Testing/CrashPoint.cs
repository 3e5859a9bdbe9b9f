using System.Diagnostics;

namespace Vireo.Platform.Testing;

/// <summary>
/// A named place at which a test can cut the power. <c>VIREO_CRASH_AT=name</c> kills the process with SIGKILL at the first hit of
/// that name, <c>name:3</c> at the third; without the variable a hit costs one static field read. With
/// <c>VIREO_HOLD_FILE=path</c> whoever comes to the place that the file names waits until the file is gone.
/// </summary>
public static class CrashPoint
{
    /// <summary>Variable with the path of a file that holds the name of a place where to wait.</summary>
    public const string HoldVariable = "VIREO_HOLD_FILE";

    private static readonly string? s_holdFile = Environment.GetEnvironmentVariable(HoldVariable);
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
        if (s_holdFile is not null)
        {
            Hold(s_holdFile, name);
        }

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

    /// <summary>The file that is there once somebody waits.</summary>
    public static string HeldFile(string holdFile) => holdFile + ".held";

    private static void Hold(string file, string name)
    {
        try
        {
            if (File.ReadAllText(file) != name)
            {
                return;
            }
        }
        catch (IOException)
        {
            // Nobody is to wait.
            return;
        }

        File.WriteAllText(HeldFile(file), "");
        while (File.Exists(file))
        {
            // Allowed: a test holds us here, and says by a file when it is done.
            Thread.Sleep(10);
        }
    }
}
