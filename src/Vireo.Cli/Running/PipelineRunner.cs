using Vireo.Cli.Output;
using Vireo.Cli.Parsing;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.Cli.Running;

/// <summary>
/// Runs the stages of a pipeline one after the other; the objects of a stage are the input of the next. A host that does not answer is an
/// error like others: the other hosts' objects go on.
/// </summary>
internal sealed class PipelineRunner(Terminal terminal, GlobalOptions options, ObjectPrinter printer) : IDisposable
{
    private readonly Dictionary<HostAddress, HostClient> _hosts = [];
    private bool _failed;
    private bool _unreachable;
    private bool _cancelled;

    private int Status => _cancelled ? ExitStatus.Cancelled : _unreachable ? ExitStatus.Unreachable : _failed ? ExitStatus.Error : ExitStatus.Ok;

    /// <summary>Runs and prints; gives the exit status.</summary>
    public async Task<int> RunAsync(IReadOnlyList<Call> stages, CancellationToken cancellation)
    {
        try
        {
            await RunStagesAsync(stages, cancellation);
        }
        finally
        {
            printer.Flush(); // what came before an error is shown
        }

        return Status;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var host in _hosts.Values)
        {
            host.Dispose();
        }
    }

    private async Task RunStagesAsync(IReadOnlyList<Call> stages, CancellationToken cancellation)
    {
        IReadOnlyList<HostObject>? inputs = null;
        for (var i = 0; i < stages.Count && !_cancelled; i++)
        {
            var isLast = i == stages.Count - 1;
            var outputs = new List<HostObject>();
            foreach (var request in Requests(stages[i], inputs))
            {
                if (!await RunAsync(stages[i], request, record =>
                {
                    if (isLast)
                    {
                        printer.Add(record);
                    }
                    else
                    {
                        outputs.Add(new HostObject(request.Host, record));
                    }
                }, cancellation))
                {
                    return;
                }
            }

            inputs = outputs;
        }
    }

    private IReadOnlyList<StageRequest> Requests(Call call, IReadOnlyList<HostObject>? inputs)
    {
        if (inputs is not null)
        {
            return PipelineInput.Bind(call, inputs);
        }

        return call.ComputerNames.Count == 0
            ? [new StageRequest(Host(options.Address), null, [])]
            : [.. call.ComputerNames.Select(name => new StageRequest(Host(Address(name)), null, []))];
    }

    private HostAddress Address(string name)
    {
        try
        {
            return HostAddress.Parse(name, options.Root);
        }
        catch (FormatException error)
        {
            throw new CliException("InvalidParameter", error.Message);
        }
    }

    private HostClient Host(HostAddress address)
    {
        if (!_hosts.TryGetValue(address, out var host))
        {
            _hosts[address] = host = new HostClient(address);
        }

        return host;
    }

    /// <summary>Sends one request and shows its records; false when the pipeline must stop.</summary>
    private async Task<bool> RunAsync(Call call, StageRequest stage, Action<ObjectRecord> written, CancellationToken cancellation)
    {
        var request = call.Request(terminal.IsInteractive, stage.Set, stage.FromPipeline);
        try
        {
            await foreach (var record in stage.Host.SendAsync(call.Command.Name, request, cancellation))
            {
                switch (record)
                {
                    case ObjectRecord value:
                        written(value);
                        break;
                    case QuestionRecord question:
                        await AnswerAsync(call, stage.Host, question, cancellation);
                        break;
                    case ErrorRecord error:
                        _failed = true;
                        if (call.ErrorAction != ErrorAction.SilentlyContinue)
                        {
                            terminal.WriteError(ErrorLine(call.Command.Name, error));
                        }

                        if (call.ErrorAction == ErrorAction.Stop)
                        {
                            return false;
                        }

                        break;
                    case EndRecord { Status: "cancelled" }:
                        _cancelled = true;
                        return false;
                    default:
                        Show(call, record);
                        break;
                }
            }
        }
        catch (HostUnreachableException error)
        {
            _unreachable = true;
            if (call.ErrorAction != ErrorAction.SilentlyContinue)
            {
                terminal.WriteError($"{CellText.Harmless(error.Message)} [{error.ErrorId}]");
            }

            return call.ErrorAction != ErrorAction.Stop;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            _cancelled = true;
            return false;
        }
        finally
        {
            terminal.ClearProgress();
        }

        return true;
    }

    private void Show(Call call, CommandRecord record)
    {
        switch (record)
        {
            case ProgressRecord progress:
                terminal.ShowProgress(progress);
                break;
            case WarningRecord warning when !call.NoWarnings:
                terminal.WriteWarning("WARNING: " + CellText.Harmless(warning.Message));
                break;
            case VerboseRecord verbose:
                terminal.WriteNote("VERBOSE: " + CellText.Harmless(verbose.Message));
                break;
            case WhatIfRecord whatIf:
                printer.Add(whatIf);
                break;
            case JobRecord job:
                printer.Add(job);
                break;
            default:
                break;
        }
    }

    private async Task AnswerAsync(Call call, HostClient host, QuestionRecord question, CancellationToken cancellation)
    {
        var answer = call.AnswerToAll ?? terminal.Ask(question);
        await host.ReplyAsync(question.Id, answer, cancellation);
        if (answer is Answer.YesToAll or Answer.NoToAll)
        {
            call.AnswerToAll = answer; // also for the objects that come later
        }
    }

    private static string ErrorLine(string command, ErrorRecord error)
    {
        // A shell would take the variable for its own; the word means the same in all of them.
        var message = CellText.Harmless(error.ErrorId == "ConfirmationRequired" ? error.Message.Replace("-Confirm:$false", "-Confirm:false", StringComparison.Ordinal) : error.Message);
        return $"{(message.StartsWith(command, StringComparison.OrdinalIgnoreCase) ? "" : command + ": ")}{message} [{error.FullyQualifiedErrorId}]";
    }
}
