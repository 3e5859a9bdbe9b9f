namespace Vireo.Cli;

/// <summary>Exit status of the program.</summary>
internal static class ExitStatus
{
    public const int Ok = 0;
    public const int Error = 1;
    public const int Usage = 2;
    public const int Unreachable = 3;
    public const int Cancelled = 130;
}

/// <summary>Ends the program with one sentence on standard error.</summary>
internal sealed class CliException(string errorId, string message, int exitStatus = ExitStatus.Usage) : Exception(message)
{
    public string ErrorId { get; } = errorId;

    public int ExitStatus { get; } = exitStatus;
}
