using System.Collections.Concurrent;
using Vireo.Surface;

namespace Vireo.Commands.Framework;

/// <summary>Questions that running commands wait on. A question is answered once; its id is known only to the client that was asked.</summary>
public sealed class QuestionDesk
{
    private readonly ConcurrentDictionary<Guid, TaskCompletionSource<Answer>> _open = new();

    /// <summary>Waits for the answer; the question is gone when this returns.</summary>
    /// <param name="question">The question; its id is chosen with <see cref="Guid.NewGuid"/>.</param>
    /// <param name="ask">Shows it, once it can be answered.</param>
    /// <param name="cancellation">The asker is no longer interested.</param>
    public async Task<Answer> AskAsync(QuestionRecord question, Action<QuestionRecord> ask, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(ask);
        var answer = new TaskCompletionSource<Answer>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_open.TryAdd(question.Id, answer))
        {
            throw new ArgumentException($"The question {question.Id} is open already.", nameof(question));
        }

        try
        {
            ask(question);
            return await answer.Task.WaitAsync(cancellation);
        }
        finally
        {
            _open.TryRemove(question.Id, out _);
        }
    }

    /// <summary>Answers; false when there is no such open question.</summary>
    public bool Reply(Guid id, Answer answer) => _open.TryGetValue(id, out var waiting) && waiting.TrySetResult(answer);
}
