using System.Runtime.InteropServices;
using Vireo.Cli.Output;
using Vireo.Cli.Parsing;
using Vireo.Cli.Running;
using Vireo.Cli.Verbs;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.Cli;

/// <summary>The program <c>vireo</c>: the commands of the host, and the few verbs that start, stop and look after it.</summary>
internal static class Program
{
    private const int BrokenPipe = 32; // EPIPE

    private static async Task<int> Main(string[] arguments)
    {
        using var terminal = new Terminal();
        using var cancel = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
        {
            // The first asks the host to stop, the second ends this program.
            signal.Cancel = !cancel.IsCancellationRequested;
            cancel.Cancel();
        });
        return await RunAsync(arguments, terminal, cancel.Token);
    }

    /// <summary>Runs with the given streams.</summary>
    internal static async Task<int> RunAsync(IReadOnlyList<string> arguments, Terminal terminal, CancellationToken cancellation)
    {
        try
        {
            var (options, rest) = GlobalOptions.Parse(arguments);
            var status = await RunAsync(options, rest, terminal, cancellation);
            await terminal.Out.FlushAsync(CancellationToken.None);
            return status;
        }
        catch (CliException error)
        {
            terminal.WriteError($"{error.Message} [{error.ErrorId}]");
            return error.ExitStatus;
        }
        catch (HostUnreachableException error)
        {
            terminal.WriteError($"{error.Message} [{error.ErrorId}]");
            return ExitStatus.Unreachable;
        }
        catch (FormatException error)
        {
            terminal.WriteError($"{error.Message} [InvalidParameter]");
            return ExitStatus.Usage;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return ExitStatus.Cancelled;
        }
        catch (IOException error) when (error.HResult == BrokenPipe)
        {
            // The reader of our output left, as 'head' does.
            return ExitStatus.Error;
        }
        catch (Exception error)
        {
            // Nothing that is foreseen: still a sentence, and an exit status that a script can tell from an abort.
            terminal.WriteError($"vireo cannot go on: {error.Message} ({error.GetType().Name}) [OperationFailed]");
            return ExitStatus.Error;
        }
    }

    private static Task<int> RunAsync(GlobalOptions options, List<string> rest, Terminal terminal, CancellationToken cancellation)
    {
        if (rest.Count == 0)
        {
            HelpVerb.Overview(terminal.Out);
            return Task.FromResult(ExitStatus.Usage);
        }

        if (Verb.Find(rest[0]) is not { } verb)
        {
            return RunCommandsAsync(options, rest, terminal, cancellation);
        }

        if (!verb.ExplainsItself && rest is [_, "--help" or "-h" or "-?", ..])
        {
            return Task.FromResult(HelpVerb.Show(terminal.Out, verb.Name));
        }

        return verb.Run(new VerbContext(options, rest.GetRange(1, rest.Count - 1), terminal, cancellation));
    }

    private static async Task<int> RunCommandsAsync(GlobalOptions options, List<string> rest, Terminal terminal, CancellationToken cancellation)
    {
        var stages = PipelineText.Split(rest);
        if (stages.Any(static stage => stage.Skip(1).Any(static word => word is { Text: "-?", IsQuoted: false })))
        {
            return HelpVerb.Show(terminal.Out, stages[0][0].Text);
        }

        var calls = stages.Select((words, index) => new ArgumentBinder(Find(words[0].Text), Environment.CurrentDirectory).Bind([.. words.Skip(1)], hasPipelineInput: index > 0)).ToList();
        using var runner = new PipelineRunner(terminal, options, new ObjectPrinter(terminal, options.Json || calls.Exists(static call => call.Json)));
        return await runner.RunAsync(calls, cancellation);
    }

    /// <summary>The command with this name; a near one is proposed.</summary>
    private static CommandInfo Find(string name) => CommandTable.Find(name) ?? throw new CliException(
        "CommandNotFoundException",
        Nearest.To(name, CommandTable.Names.Concat(Verb.Names)) is { } near
            ? $"There is no command '{name}'; did you mean '{near}'?"
            : $"There is no command '{name}'; 'vireo help' lists the commands.");
}
