using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.HyperV.PowerShell;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.PowerShell;

/// <summary>
/// Keeps live properties fresh: a script that polls <c>$vm.State</c> sees it change. What was read less than half a second ago, with no
/// command sent since, is fresh enough, so that showing a table costs no requests.
/// </summary>
internal sealed class LiveObjects(HostConnection host) : ILiveSource
{
    private static readonly TimeSpan FreshFor = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [ThreadStatic]
    private static bool _suspended;

    private readonly ConditionalWeakTable<VirtualizationObject, Reading> _readings = [];

    /// <summary>The host that the objects live on.</summary>
    public HostConnection Host => host;

    /// <summary>While the result is not disposed, this thread reads objects as they are.</summary>
    public static IDisposable Suspend()
    {
        _suspended = true;
        return new Suspension();
    }

    /// <summary>Takes an object that was just read.</summary>
    public void Adopt(VirtualizationObject value)
    {
        value.LiveSource = this;
        _readings.AddOrUpdate(value, new Reading(Stopwatch.GetTimestamp(), host.Changes));
    }

    /// <inheritdoc/>
    public void Refresh(VirtualizationObject value)
    {
        if (_suspended || value.IsDeleted || value is not VirtualMachine machine
            || (_readings.TryGetValue(value, out var reading) && reading.Changes == host.Changes && Stopwatch.GetElapsedTime(reading.At) < FreshFor))
        {
            return;
        }

        using var suspension = Suspend();
        var at = new Reading(Stopwatch.GetTimestamp(), host.Changes);
        try
        {
            // On the thread pool: the getter may run under a synchronization context that must not be waited for.
            Task.Run(() => ReadAsync(machine)).Wait(Patience);
        }
        catch (AggregateException error) when (error.InnerException is HostUnreachableException or OperationCanceledException)
        {
            // A property cannot report errors; the next command will. Until then the last values stand.
        }

        _readings.AddOrUpdate(value, at);
    }

    private async Task ReadAsync(VirtualMachine machine)
    {
        using var patience = new CancellationTokenSource(Patience);
        var request = new CommandRequest { Parameters = Json.Object(writer => writer.WriteString("Id", machine.Id)) };
        var found = false;
        var answered = false;
        await foreach (var record in host.Client.SendAsync("Get-VM", request, patience.Token).ConfigureAwait(false))
        {
            if (record is ObjectRecord current && ModelObjects.Read(current) is VirtualMachine now)
            {
                machine.CopyLiveFrom(now);
                found = true;
            }
            else if (record is EndRecord { Status: not "cancelled" })
            {
                answered = true;
            }
        }

        machine.IsDeleted = answered && !found;
    }

    private sealed record Reading(long At, long Changes);

    private sealed class Suspension : IDisposable
    {
        public void Dispose() => _suspended = false;
    }
}
