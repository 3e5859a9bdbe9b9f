using System.Globalization;
using System.Text;

namespace Vireo.Platform.Processes;

/// <summary>
/// Names one process for good. A process id alone is reused; together with the start time in clock ticks after boot and the boot's
/// id it is not, so a record on disk never leads to a stranger.
/// </summary>
/// <param name="ProcessId">Process id.</param>
/// <param name="StartTicks">Field 22 of <c>/proc/[pid]/stat</c>, proc(5).</param>
/// <param name="BootId">Content of <c>/proc/sys/kernel/random/boot_id</c>.</param>
public sealed record ProcessIdentity(int ProcessId, ulong StartTicks, string BootId)
{
    private static readonly Lazy<string> s_bootId = new(() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim());

    /// <summary>The id of this boot.</summary>
    public static string CurrentBootId => s_bootId.Value;

    /// <summary>The identity of the process that has <paramref name="processId"/> now; null when there is none or it is a zombie.</summary>
    public static ProcessIdentity? Find(int processId) => Read(processId) is { IsZombie: false } found ? found.Identity : null;

    /// <summary>As <see cref="Find"/>, and whether the process has ended and waits for its parent to notice.</summary>
    internal static (ProcessIdentity Identity, bool IsZombie)? Read(int processId) =>
        ReadStat(processId) is { } fields
            ? (new(processId, ulong.Parse(fields[19], CultureInfo.InvariantCulture), CurrentBootId), fields[0] is "Z" or "X")
            : null;

    /// <summary>Whether that very process still runs.</summary>
    public bool IsAlive => BootId == CurrentBootId && Find(ProcessId) == this;

    /// <summary>Processor time it has used in user and kernel mode; null when it is gone.</summary>
    public TimeSpan? ProcessorTime
    {
        get
        {
            var fields = IsAlive ? ReadStat(ProcessId) : null;
            if (fields is null)
            {
                return null;
            }

            // Linux reports clock ticks of 1/100 s to user space on every architecture we run on (USER_HZ).
            var ticks = ulong.Parse(fields[11], CultureInfo.InvariantCulture) + ulong.Parse(fields[12], CultureInfo.InvariantCulture);
            return TimeSpan.FromMilliseconds(ticks * 10.0);
        }
    }

    /// <summary>Its arguments; empty when it is gone.</summary>
    public IReadOnlyList<string> ReadCommandLine()
    {
        try
        {
            var bytes = File.ReadAllBytes($"/proc/{ProcessId}/cmdline");
            return Encoding.UTF8.GetString(bytes).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (Exception exception) when (IsGone(exception))
        {
            return [];
        }
    }

    /// <summary>Fields of the stat file from the third (the state) on: the second may contain blanks and parentheses.</summary>
    private static string[]? ReadStat(int processId)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{processId}/stat");
            var afterName = text.LastIndexOf(')');
            return afterName < 0 ? null : text[(afterName + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is { Length: > 19 } fields ? fields : null;
        }
        catch (Exception exception) when (IsGone(exception))
        {
            return null;
        }
    }

    /// <summary>A process that ends while its files are read gives ENOENT or ESRCH.</summary>
    private static bool IsGone(Exception exception) => exception is IOException or UnauthorizedAccessException;
}
