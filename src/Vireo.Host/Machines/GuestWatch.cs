using System.Net;
using Vireo.Commands.Support;
using Vireo.Machines;
using Vireo.Machines.GuestAgents;
using Vireo.Machines.States;

namespace Vireo.Host.Machines;

/// <summary>
/// Keeps the addresses that a guest reports, and sets its clock after it stood still. It asks while the heartbeat is there: often until the first
/// address, seldom afterwards.
/// </summary>
/// <param name="machine">The machine.</param>
/// <param name="time">Clock.</param>
/// <param name="isEnabled">Whether an integration service is switched on.</param>
/// <param name="thaw">Lets a guest go on that may have been left frozen.</param>
/// <param name="changed">Called when the addresses change.</param>
/// <param name="clockFailed">Called when the guest refuses to have its clock set.</param>
internal sealed class GuestWatch(
    IMachine machine, TimeProvider time, Func<IntegrationService, bool> isEnabled, Func<CancellationToken, Task> thaw, Action changed, Action<MachineException> clockFailed) : IAsyncDisposable
{
    private static readonly TimeSpan s_often = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_seldom = TimeSpan.FromSeconds(15);
    private readonly Lock _change = new();
    private CancellationTokenSource? _stop;
    private Task _watching = Task.CompletedTask;
    private volatile IReadOnlyDictionary<string, string[]> _addresses = NoAddresses;
    private volatile bool _isClockOff;

    /// <summary>Nothing reported.</summary>
    public static IReadOnlyDictionary<string, string[]> NoAddresses { get; } = new Dictionary<string, string[]>(StringComparer.Ordinal);

    /// <summary>Addresses by MAC address in twelve upper-case hexadecimal digits.</summary>
    public IReadOnlyDictionary<string, string[]> Addresses => _addresses;

    /// <summary>The guest started anew: its addresses are the old one's, and so is an answer that is on its way.</summary>
    public void Forget()
    {
        lock (_change)
        {
            Stop();
            _addresses = NoAddresses;
        }
    }

    /// <summary>The guest stood still: its clock is set as soon as it answers.</summary>
    public void SetClock() => _isClockOff = true;

    /// <summary>Begins or ends asking, as the machine's status says.</summary>
    public void Update(Vireo.Machines.States.MachineStatus status)
    {
        var alive = status.Heartbeat == HeartbeatStatus.OkApplicationsUnknown;
        lock (_change)
        {
            if (alive && _stop is null)
            {
                _stop = new CancellationTokenSource();
                _watching = WatchAsync(_stop.Token);
            }
            else if (!alive && _stop is not null)
            {
                Stop();
                if (status.ProcessId is null)
                {
                    _addresses = NoAddresses;
                }
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        lock (_change)
        {
            Stop();
        }

        await _watching;
    }

    private void Stop()
    {
        _stop?.Cancel();
        _stop?.Dispose();
        _stop = null;
    }

    private async Task WatchAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                var known = await AskAsync(stop);
                await Task.Delay(known ? s_seldom : s_often, time, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The guest went away, or the host did.
        }
    }

    private async Task<bool> AskAsync(CancellationToken stop)
    {
        try
        {
            await thaw(stop);
            if (_isClockOff)
            {
                _isClockOff = false;
                await SetClockAsync(stop);
            }

            var interfaces = !isEnabled(IntegrationServices.KeyValuePairExchange) ? [] : await machine.GuestAgent.GetInterfacesAsync(stop);
            var next = ByAdapter(interfaces);
            lock (_change)
            {
                stop.ThrowIfCancellationRequested();
                if (Same(next, _addresses))
                {
                    return Vireo.Commands.Services.MachineStatus.IsReachable(next);
                }

                _addresses = next;
            }

            changed();

            return Vireo.Commands.Services.MachineStatus.IsReachable(next);
        }
        catch (MachineException)
        {
            // The heartbeat says whether the agent is there; what it said last still holds.
            return false;
        }
    }

    private async Task SetClockAsync(CancellationToken stop)
    {
        if (isEnabled(IntegrationServices.TimeSynchronization))
        {
            try
            {
                await machine.GuestAgent.SetTimeAsync(time.GetUtcNow(), stop);
            }
            catch (MachineException refused)
            {
                clockFailed(refused);
            }
        }
    }

    /// <summary>What others can use of a guest's answer, by MAC address: agents report the loopback interface too, with a MAC address of zeros.</summary>
    internal static Dictionary<string, string[]> ByAdapter(IReadOnlyList<GuestInterface> interfaces) => interfaces
        .Where(one => one.MacAddress.Length == 12 && one.MacAddress.AsSpan().ContainsAnyExcept('0'))
        .GroupBy(one => one.MacAddress, StringComparer.Ordinal)
        .Select(one => (one.Key, Addresses: one.SelectMany(Texts).ToArray()))
        .Where(one => one.Addresses.Length > 0)
        .ToDictionary(one => one.Key, one => one.Addresses, StringComparer.Ordinal);

    // IPv4 first: scripts take the first address.
    private static IEnumerable<string> Texts(GuestInterface one) =>
        one.Addresses.Where(address => !IPAddress.IsLoopback(address.Address)).OrderBy(address => address.Address.AddressFamily).Select(address => address.Address.ToString());

    private static bool Same(IReadOnlyDictionary<string, string[]> a, IReadOnlyDictionary<string, string[]> b) =>
        a.Count == b.Count && a.All(pair => b.TryGetValue(pair.Key, out var other) && pair.Value.SequenceEqual(other, StringComparer.Ordinal));
}
