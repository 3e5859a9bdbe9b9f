using Vireo.Switch.Pipeline;
using Vireo.Switch.Threads;

namespace Vireo.Switch.Plane;

/// <summary>Spreads ports over the packet threads by load, where there are several.</summary>
internal sealed partial class SwitchPlane
{
    private static readonly TimeSpan s_levelled = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_levelledIdle = TimeSpan.FromSeconds(5);

    /// <summary>Below this nobody is busy, and looking less often is enough.</summary>
    private const double IdleLoad = 0.01;

    private readonly PeriodicTimer _levelTimer;
    private Task _levelKeeper = Task.CompletedTask;

    private async Task KeepLevelAsync()
    {
        var meter = new LoadMeter(_clock);
        while (await _levelTimer.WaitForNextTickAsync())
        {
            await _gate.WaitAsync();
            try
            {
                var ports = _ports.Values.Select(live => live.State).Concat(_switches.Values.Select(live => live.Uplink)).OfType<PortState>();
                var loads = meter.Look(ports);
                var moves = LoadLevelling.Choose(loads, _threads.All.Count);
                if (moves.Count > 0)
                {
                    await _threads.MoveAsync([.. moves.Select(move => (move.Port, _threads.All[move.To]))]);
                }

                _levelTimer.Period = loads.Sum(port => port.Load) < IdleLoad ? s_levelledIdle : s_levelled;
            }
            finally
            {
                _gate.Release();
            }
        }
    }
}
