using System.Management.Automation;
using Vireo.Client;
using Vireo.PowerShell;
using Vireo.Surface;
using HostError = Vireo.Surface.ErrorRecord;
using HostProgress = Vireo.Surface.ProgressRecord;
using HostVerbose = Vireo.Surface.VerboseRecord;
using HostWarning = Vireo.Surface.WarningRecord;

namespace Microsoft.HyperV.PowerShell;

/// <summary>A command that runs in the background of the session: what <c>-AsJob</c> gives back. Stopping it cancels the command on the host.</summary>
public sealed class VMJob : Job
{
    private readonly string _command;
    private readonly string _cmdletClass;
    private readonly HostConnection _connection;
    private readonly CommandRequest _request;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal VMJob(string line, string command, string cmdletClass, HostConnection connection, CommandRequest request)
        : base(line, command)
    {
        _command = command;
        _cmdletClass = cmdletClass;
        _connection = connection;
        _request = request;
        PSJobTypeName = "VMJob";
    }

    /// <inheritdoc/>
    public override bool HasMoreData => Output.Count > 0 || Error.Count > 0 || Warning.Count > 0 || Verbose.Count > 0 || Progress.Count > 0 || Information.Count > 0;

    /// <inheritdoc/>
    public override string Location => _connection.Client.Address.Name == "." ? "localhost" : _connection.Client.Address.Name;

    /// <inheritdoc/>
    public override string StatusMessage => "";

    /// <summary>Sends the command.</summary>
    internal void Start()
    {
        SetJobState(JobState.Running);
        _ = Task.Run(RunAsync);
    }

    /// <inheritdoc/>
    public override void StopJob()
    {
        _stop.Cancel();
        _ended.Task.Wait();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _stop.Dispose();
        }

        base.Dispose(disposing);
    }

    private async Task RunAsync()
    {
        var state = JobState.Failed;
        try
        {
            _connection.Changed();
            await foreach (var record in _connection.Client.SendAsync(_command, _request, _stop.Token).ConfigureAwait(false))
            {
                Add(record);
                state = record is EndRecord end ? end.Status switch { "completed" => JobState.Completed, "cancelled" => JobState.Stopped, _ => JobState.Failed } : state;
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            state = JobState.Stopped;
        }
        catch (HostUnreachableException error)
        {
            Add(new HostError(error.ErrorId, error.Category, error.Message, null, $"{error.ErrorId},{_cmdletClass}", Terminating: true));
        }
        catch (Exception error)
        {
            // Whoever waits for the job waits for its state: it must end, whatever happened.
            Add(new HostError("OperationFailed", nameof(ErrorCategory.NotSpecified), $"{_command} ended without an answer that can be read: {error.Message}", null, $"OperationFailed,{_cmdletClass}", Terminating: true));
            state = JobState.Failed;
        }
        finally
        {
            _connection.Changed();
            End(state);
        }
    }

    private void End(JobState state)
    {
        try
        {
            SetJobState(state);
        }
        finally
        {
            _ended.TrySetResult();
        }
    }

    private void Add(CommandRecord record)
    {
        switch (record)
        {
            case ObjectRecord item:
                var value = ModelObjects.Read(item);
                _connection.Live.Adopt(value);
                Output.Add(PSObject.AsPSObject(value));
                break;
            case WhatIfRecord whatIf:
                // As Write-Host does it: shown when the job is received, and no output.
                var message = new HostInformationMessage { Message = $"What if: Performing the operation \"{whatIf.Action}\" on target \"{whatIf.Target}\"." };
                var note = new InformationRecord(message, _command);
                note.Tags.Add("PSHOST");
                Information.Add(note);
                break;
            case HostError error:
                var category = Enum.TryParse<ErrorCategory>(error.Category, out var known) ? known : ErrorCategory.NotSpecified;

                // Outside of a cmdlet nothing adds the class to the id.
                Error.Add(new System.Management.Automation.ErrorRecord(
                    new VirtualizationException(error.Message, error.ErrorId, category), $"{error.ErrorId},{_cmdletClass}", category, error.Target));
                break;
            case HostWarning warning:
                Warning.Add(new System.Management.Automation.WarningRecord(warning.Message));
                break;
            case HostVerbose verbose:
                Verbose.Add(new System.Management.Automation.VerboseRecord(verbose.Message));
                break;
            case HostProgress progress:
                Progress.Add(new System.Management.Automation.ProgressRecord(Id, progress.Activity.Length == 0 ? " " : progress.Activity, progress.Status.Length == 0 ? " " : progress.Status)
                {
                    PercentComplete = Math.Clamp(progress.Percent, -1, 100),
                });
                break;
            default:
                break;
        }
    }
}
