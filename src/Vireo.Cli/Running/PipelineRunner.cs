using Vireo.Cli.Output;
using Vireo.Cli.Parsing;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.Cli.Running;

/// <summary>Runs the stages of a pipeline one after the other; the objects of a stage are the input of the next.</summary>
internal sealed class PipelineRunner(Terminal terminal, HostAddress defaultHost) : IDisposable
{
    private readonly Dictionary<string, HostClient> _hosts = new(StringComparer.OrdinalIgnoreCase);
    private bool _failed;
    private bool _cancelled;

    /// <summary>Runs and prints; gives the exit status.</summary>
    public async Task<int> RunAsync(IReadOnlyList<Call> stages, ObjectPrinter printer, CancellationToken cancellation)
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
                    printer.Flush();
                    return _cancelled ? ExitStatus.Cancelled : ExitStatus.Error;
                }
            }

            inputs = outputs;
        }

        printer.Flush();
        return _cancelled ? ExitStatus.Cancelled : _failed ? ExitStatus.Error : ExitStatus.Ok;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var host in _hosts.Values)
        {
            host.Dispose();
        }
    }

    private IReadOnlyList<StageRequest> Requests(Call call, IReadOnlyList<HostObject>? inputs)
    {
        if (inputs is not null)
        {
            return PipelineInput.Bind(call, inputs);
        }

        return call.ComputerNames.Count == 0
            ? [new StageRequest(Host(defaultHost), null, [])]
            : [.. call.ComputerNames.Select(name => new StageRequest(Host(Address(name)), null, []))];
    }

    private static HostAddress Address(string name)
    {
        try
        {
            return HostAddress.Parse(name);
        }
        catch (FormatException error)
        {
            throw new CliException("InvalidParameter", error.Message);
        }
    }

    private HostClient Host(HostAddress address)
    {
        if (!_hosts.TryGetValue(address.Name, out var host))
        {
            _hosts[address.Name] = host = new HostClient(address);
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
                terminal.Out.Write(CellText.Harmless($"What if: Performing the operation \"{whatIf.Action}\" on target \"{whatIf.Target}\".") + "\n");
                break;
            case JobRecord job:
                terminal.Out.Write($"Job {job.Id}\n");
                break;
            default:
                break;
        }
    }

    private async Task AnswerAsync(Call call, HostClient host, QuestionRecord question, CancellationToken cancellation)
    {
        var answer = terminal.Ask(question);
        await host.ReplyAsync(question.Id, answer, cancellation);
        if (answer == Answer.YesToAll)
        {
            call.Confirm = false; // also for the objects that come later
        }
    }

    private static string ErrorLine(string command, ErrorRecord error)
    {
        var message = CellText.Harmless(error.Message);
        return $"{(message.StartsWith(command, StringComparison.OrdinalIgnoreCase) ? "" : command + ": ")}{message} [{error.FullyQualifiedErrorId}]";
    }
}
