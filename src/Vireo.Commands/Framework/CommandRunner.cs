using Vireo.Surface;

namespace Vireo.Commands.Framework;

/// <summary>
/// Runs commands: binds, runs, and turns whatever happens into records, so that every run ends with an end record.
/// </summary>
/// <param name="questions">Where questions wait.</param>
/// <param name="services">Services of the host.</param>
public class CommandRunner(QuestionDesk questions, IServiceProvider services)
{
    /// <summary>Binds and runs a command and writes its answer.</summary>
    /// <param name="descriptor">The command.</param>
    /// <param name="request">Parameters and preferences.</param>
    /// <param name="caller">Who calls, for the audit.</param>
    /// <param name="records">Where the answer goes; its last record is the end.</param>
    /// <param name="cancellation">The caller went away or asks to stop.</param>
    public async Task RunAsync(CommandDescriptor descriptor, CommandRequest request, string caller, RecordStream records, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(records);
        BoundCommand command;
        try
        {
            command = descriptor.Bind(request.Parameters, request.ParameterSet);
        }
        catch (CommandException error)
        {
            records.IsRefused = true;
            Fail(records, descriptor, error);
            return;
        }

        try
        {
            await RunAsync(command, new RecordCommandContext(command, request, caller, records, questions, services, error => Translate(descriptor, error), cancellation));
            records.End("completed");
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            records.End("cancelled");
        }
        catch (CommandException error)
        {
            Fail(records, descriptor, error);
        }
        catch (Exception error)
        {
            Fail(records, descriptor, Translate(descriptor, error));
        }
    }

    /// <summary>Runs a bound command. A host overrides it to check access and to keep a record of the run.</summary>
    protected virtual Task RunAsync(BoundCommand command, CommandContext context)
    {
        ArgumentNullException.ThrowIfNull(command);
        return command.Command.RunAsync(context);
    }

    /// <summary>
    /// The error to show for a failure that is not a <see cref="CommandException"/>. A host overrides it to log, and to turn refusals of
    /// the planes into their own ids.
    /// </summary>
    protected virtual CommandException Translate(CommandDescriptor descriptor, Exception error)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        ArgumentNullException.ThrowIfNull(error);
        return new CommandException(
            "Unspecified", ErrorCategory.NotSpecified, $"{descriptor.Info.Name} failed: {error.Message}", target: null, error);
    }

    private static void Fail(RecordStream records, CommandDescriptor descriptor, CommandException error)
    {
        records.Error(error, descriptor.Info, terminating: true);
        records.End("failed");
    }
}
