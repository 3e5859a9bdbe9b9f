namespace Vireo.Commands.Framework;

/// <summary>
/// What a running command sees of the world: its caller, the records it writes, and the services of the host. The stream of records is
/// the answer: PowerShell's streams, the CLI's progress bar and an HTTP client all get them as they happen.
/// </summary>
public abstract class CommandContext
{
    /// <summary>Cancelled when the caller goes away or asks to stop.</summary>
    public abstract CancellationToken Cancellation { get; }

    /// <summary>The parameter set that binding chose.</summary>
    public abstract string ParameterSetName { get; }

    /// <summary>Name of the caller, for the audit.</summary>
    public abstract string Caller { get; }

    /// <summary>Whether the caller gave the parameter, be it by name, position or pipeline.</summary>
    public abstract bool IsBound(string parameter);

    /// <summary>Writes an object of the model.</summary>
    public abstract void WriteObject(object value);

    /// <summary>Writes an error; the command goes on.</summary>
    public abstract void WriteError(CommandException error);

    /// <summary>What an error that nobody foresaw is to the caller; the host keeps the whole of it in its log.</summary>
    public abstract CommandException Translate(Exception unforeseen);

    /// <summary>Writes a warning.</summary>
    public abstract void WriteWarning(string message);

    /// <summary>Writes a verbose message.</summary>
    public abstract void WriteVerbose(string message);

    /// <summary>Reports progress; <paramref name="percent"/> is negative when unknown.</summary>
    public abstract void WriteProgress(string activity, string status, int percent);

    /// <summary>
    /// True when the action should be done. With <c>-WhatIf</c> it says what would be done and is false; with <c>-Confirm</c> it asks.
    /// </summary>
    /// <param name="target">The object, for example <c>web1</c>.</param>
    /// <param name="action">The action, for example <c>Start-VM</c>.</param>
    public abstract Task<bool> ShouldProcessAsync(string target, string action);

    /// <summary>Asks a question the command must not go on without, unless <c>-Force</c> was given.</summary>
    public abstract Task<bool> ShouldContinueAsync(string question, string caption);

    /// <summary>A service of the host.</summary>
    public abstract T Service<T>()
        where T : class;
}
