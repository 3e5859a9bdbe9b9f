using Vireo.Commands.Framework;
using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Host.Access;
using Vireo.Host.History;
using Vireo.Surface;

namespace Vireo.Host.Api;

/// <summary>Runs commands on the host: a run that can change something is a job, which can be watched, cancelled, and read about later.</summary>
internal sealed partial class HostCommandRunner(
    CommandRegistry registry, QuestionDesk questions, IServiceProvider services, JobLog jobs, PeerAccess access, ILogger<HostCommandRunner> log)
    : CommandRunner(questions, services), ICommandHost
{
    /// <inheritdoc/>
    public CommandRegistry Registry { get; } = registry;

    /// <inheritdoc/>
    public QuestionDesk Questions { get; } = questions;

    /// <inheritdoc/>
    public string CallerOf(Microsoft.AspNetCore.Http.HttpContext context) => access.CallerOf(context);

    /// <inheritdoc/>
    async Task ICommandHost.RunAsync(CommandDescriptor descriptor, CommandRequest request, string caller, RecordStream records, CancellationToken cancellation)
    {
        if (!descriptor.Info.SupportsShouldProcess || request.WhatIf)
        {
            await RunAsync(descriptor, request, caller, records, cancellation);
            return;
        }

        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await RunJobAsync(jobs.Begin(Guid.NewGuid(), descriptor.Info.Name, caller, cancel), descriptor, request, records, cancel.Token);
    }

    /// <inheritdoc/>
    public Guid StartJob(CommandDescriptor descriptor, CommandRequest request, string caller)
    {
        var cancel = new CancellationTokenSource();
        var job = jobs.Begin(Guid.NewGuid(), descriptor.Info.Name, caller, cancel);

        // Nobody waits for it: it ends in the job log, with its error.
        _ = Task.Run(
            async () =>
            {
                using (cancel)
                {
                    await RunJobAsync(job, descriptor, request, new RecordStream(), cancel.Token);
                }
            },
            CancellationToken.None);
        return job.Info.Id;
    }

    /// <inheritdoc/>
    protected override CommandException Translate(CommandDescriptor descriptor, Exception error)
    {
        if (error is ControlException refused)
        {
            return PlaneErrors.ToCommandError(refused);
        }

        LogFailure(descriptor.Info.Name, error);
        return base.Translate(descriptor, error);
    }

    private async Task RunJobAsync(RunningJob job, CommandDescriptor descriptor, CommandRequest request, RecordStream records, CancellationToken cancellation)
    {
        records.Observer = new JobObserver(job);
        try
        {
            await RunAsync(descriptor, request, job.Info.Caller, records, cancellation);
        }
        finally
        {
            var observer = (JobObserver)records.Observer;
            jobs.End(job, observer.FirstError is not null ? "Failed" : cancellation.IsCancellationRequested ? "Cancelled" : "Completed", observer.FirstError);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Command} failed in an unforeseen way")]
    private partial void LogFailure(string command, Exception error);

    /// <summary>Notes in a job what its command reports.</summary>
    private sealed class JobObserver(RunningJob job) : IRecordObserver
    {
        public string? FirstError { get; private set; }

        public void Progress(string activity, string status, int percent) => job.Report($"{activity}: {status}", percent);

        public void Error(CommandException error) => FirstError ??= error.Message;
    }
}
