namespace Vireo.Platform.Processes;

/// <summary>How a process ended. Both are null when nobody could tell: it was another process's child and the kernel keeps no record.</summary>
/// <param name="ExitCode">What it passed to exit.</param>
/// <param name="Signal">Number of the signal that ended it.</param>
public readonly record struct ExitStatus(int? ExitCode, int? Signal)
{
    /// <summary>The end was not recorded.</summary>
    public static ExitStatus Unknown => default;

    /// <summary>Whether the end was recorded.</summary>
    public bool IsKnown => ExitCode is not null || Signal is not null;

    /// <summary>Reads the status word of wait(2).</summary>
    public static ExitStatus FromWaitStatus(int status)
    {
        var signal = status & 0x7F;
        return signal == 0 ? new((status >> 8) & 0xFF, null) : new(null, signal);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        Signal is { } signal ? $"killed by signal {signal} ({SignalName(signal)})"
        : ExitCode is { } code ? $"exit status {code}"
        : "unknown exit status";

    private static string SignalName(int signal) => signal switch
    {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        31 => "SIGSYS",
        _ => "unnamed",
    };
}
