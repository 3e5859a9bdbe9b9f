namespace Vireo.Host.Machines.Memory;

/// <summary>
/// Shares the host's memory among running guests: looks at each, decides (<see cref="MemoryPolicy"/>), asks each for what it should have, and
/// again. It keeps nothing: a host that comes after one that died goes on from what the guests have.
/// </summary>
/// <param name="machines">The machines of this host.</param>
/// <param name="ledger">Who was promised what.</param>
/// <param name="time">Clock.</param>
internal sealed class MemoryBalancer(Func<IEnumerable<MemoryKeeper>> machines, MemoryLedger ledger, TimeProvider time)
{
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(1);
    private readonly SemaphoreSlim _wake = new(0);

    /// <summary>Begins a round now.</summary>
    public void Wake()
    {
        if (_wake.CurrentCount == 0)
        {
            _wake.Release();
        }
    }

    /// <summary>Balances until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            while (true)
            {
                await RoundAsync(stopping);
                using var pause = CancellationTokenSource.CreateLinkedTokenSource(stopping);
                await Task.WhenAny(Task.Delay(s_period, time, pause.Token), _wake.WaitAsync(pause.Token));
                await pause.CancelAsync();
                stopping.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The host ends; guests keep what they have.
        }
    }

    /// <summary>One round.</summary>
    public async Task RoundAsync(CancellationToken cancellation)
    {
        try
        {
            var dynamic = machines().Where(keeper => keeper.IsDynamic).ToList();
            if (dynamic.Count > 0)
            {
                await Task.WhenAll(dynamic.Select(keeper => keeper.ObserveAsync(cancellation)));
                ledger.Balance();
                await Task.WhenAll(dynamic.Select(keeper => keeper.ApplyAsync(cancellation)));
                dynamic.ForEach(static keeper => keeper.Advance());
            }
        }
        finally
        {
            ledger.EndRound();
        }
    }
}
