namespace Vireo.Platform.Events;

/// <summary>A function that runs on a reactor's thread, and whose result somebody awaits.</summary>
internal sealed class ReactorCall<T>(Func<T> function) : ReactorWork
{
    private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with the function.</summary>
    public Task<T> Task => _result.Task;

    protected internal override void Run()
    {
        try
        {
            _result.SetResult(function());
        }
        catch (Exception failure)
        {
            // Not swallowed: the caller awaits the task.
            _result.SetException(failure);
        }
    }
}
