using Vireo.Surface;

namespace Vireo.Commands.Framework;

/// <summary>The context of a command whose answer is a <see cref="RecordStream"/>.</summary>
public sealed class RecordCommandContext : CommandContext
{
    private readonly BoundCommand _command;
    private readonly CommandRequest _request;
    private readonly RecordStream _records;
    private readonly QuestionDesk _questions;
    private readonly IServiceProvider _services;
    private readonly Func<Exception, CommandException> _translate;
    private readonly SemaphoreSlim _asking = new(1);
    private bool _yesToAll;
    private bool _noToAll;

    /// <summary>Context of one run.</summary>
    public RecordCommandContext(
        BoundCommand command, CommandRequest request, string caller, RecordStream records, QuestionDesk questions, IServiceProvider services,
        Func<Exception, CommandException> translate, CancellationToken cancellation)
    {
        _translate = translate;
        _command = command;
        _request = request;
        Caller = caller;
        _records = records;
        _questions = questions;
        _services = services;
        Cancellation = cancellation;
    }

    /// <inheritdoc/>
    public override CancellationToken Cancellation { get; }

    /// <inheritdoc/>
    public override string ParameterSetName => _command.ParameterSetName;

    /// <inheritdoc/>
    public override string Caller { get; }

    /// <inheritdoc/>
    public override CommandException Translate(Exception unforeseen) => _translate(unforeseen);

    private CommandInfo Info => _command.Descriptor.Info;

    /// <inheritdoc/>
    public override bool IsBound(string parameter) => _command.Bound.Contains(parameter);

    /// <inheritdoc/>
    public override void WriteObject(object value) => _records.Object(value);

    /// <inheritdoc/>
    public override void WriteError(CommandException error) => _records.Error(error, Info, terminating: false);

    /// <inheritdoc/>
    public override void WriteWarning(string message) => _records.Warning(message);

    /// <inheritdoc/>
    public override void WriteVerbose(string message)
    {
        if (_request.Verbose)
        {
            _records.Verbose(message);
        }
    }

    /// <inheritdoc/>
    public override void WriteProgress(string activity, string status, int percent) => _records.Progress(activity, status, percent);

    /// <inheritdoc/>
    public override T Service<T>() =>
        _services.GetService(typeof(T)) as T ?? throw new InvalidOperationException($"The host has no service {typeof(T).FullName}.");

    /// <inheritdoc/>
    public override async Task<bool> ShouldProcessAsync(string target, string action)
    {
        if (_request.WhatIf)
        {
            _records.WhatIf(target, action);
            return false;
        }

        if (!(_request.Confirm ?? ReachesPreference()))
        {
            WriteVerbose($"Performing the operation \"{action}\" on target \"{target}\".");
            return true;
        }

        return await AskAsync(new QuestionRecord(
            Guid.NewGuid(),
            QuestionKind.ShouldProcess,
            "Confirm",
            $"Are you sure you want to perform this action? Performing the operation \"{action}\" on target \"{target}\".",
            target,
            action));
    }

    /// <inheritdoc/>
    public override async Task<bool> ShouldContinueAsync(string question, string caption) =>
        _command.Force || _request.Confirm == false
        || await AskAsync(new QuestionRecord(Guid.NewGuid(), QuestionKind.ShouldContinue, caption, question, "", Info.Name));

    private bool ReachesPreference()
    {
        var preference = Enum.TryParse<ConfirmImpact>(_request.ConfirmPreference, ignoreCase: true, out var wanted) ? wanted : ConfirmImpact.High;
        return preference != ConfirmImpact.None && Enum.Parse<ConfirmImpact>(Info.ConfirmImpact) >= preference;
    }

    private async Task<bool> AskAsync(QuestionRecord question)
    {
        // One at a time: a person reads them, and "yes to all" must be known before the next is asked.
        await _asking.WaitAsync(Cancellation);
        try
        {
            if (_yesToAll || _noToAll)
            {
                return _yesToAll;
            }

            if (!_request.Interactive)
            {
                throw new CommandException(
                    "ConfirmationRequired",
                    ErrorCategory.OperationStopped,
                    $"{Info.Name} must ask: {question.Message} Nobody is there to answer; add {(Info.Find("Force") is null ? "-Confirm:$false" : "-Force")} to go on without asking.",
                    question.Target);
            }

            var answer = await _questions.AskAsync(question, _records.Question, Cancellation);
            _yesToAll = answer == Answer.YesToAll;
            _noToAll = answer == Answer.NoToAll;
            return answer is Answer.Yes or Answer.YesToAll;
        }
        finally
        {
            _asking.Release();
        }
    }
}
