using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.HyperV.PowerShell;
using Vireo.Client;
using Vireo.Model;
using Vireo.Surface;

namespace Vireo.PowerShell;

/// <summary>
/// Keeps live properties fresh: a script that polls <c>$vm.State</c> sees it change. What was read less than half a second ago, with no
/// command sent since, is fresh enough, so that showing a table costs no requests.
/// </summary>
internal sealed class LiveObjects(HostConnection host) : ILiveSource
{
    /// <summary>How Get-VM says that no machine has the id.</summary>
    private const string NotThere = "InvalidParameter";

    private static readonly TimeSpan FreshFor = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>For each type, how its properties that hold objects are got.</summary>
    private static readonly ConcurrentDictionary<Type, Func<object, object?>[]> Parts = new();

    [ThreadStatic]
    private static int _suspensions;

    private readonly ConditionalWeakTable<VirtualizationObject, Reading> _readings = [];

    /// <summary>The host that the objects live on.</summary>
    public HostConnection Host => host;

    /// <summary>While the result is not disposed, this thread reads objects as they are.</summary>
    public static IDisposable Suspend()
    {
        _suspensions++;
        return new Suspension();
    }

    /// <summary>Takes what was just read: an object, and the objects in it, which live on the same host.</summary>
    public void Adopt(object? value)
    {
        using var suspension = Suspend();
        AdoptEach(value);
    }

    private void AdoptEach(object? value)
    {
        if (value is VirtualizationObject living)
        {
            living.LiveSource = this;
            _readings.AddOrUpdate(living, new Reading(Stopwatch.GetTimestamp(), host.Changes));
            foreach (var part in Parts.GetOrAdd(living.GetType(), PartsOf))
            {
                AdoptEach(part(living));
            }
        }
        else if (value is Array items)
        {
            foreach (var item in items)
            {
                AdoptEach(item);
            }
        }
    }

    private static Func<object, object?>[] PartsOf(Type type) =>
    [
        .. from property in ModelJson.Default.GetTypeInfo(type)?.Properties ?? []
           where property.Get is not null
               && typeof(VirtualizationObject).IsAssignableFrom(property.PropertyType.IsArray ? property.PropertyType.GetElementType() : property.PropertyType)
           select property.Get,
    ];

    /// <inheritdoc/>
    public void Refresh(VirtualizationObject value)
    {
        if (_suspensions > 0 || value.IsDeleted || value is not VirtualMachine machine
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
        catch (AggregateException error) when (error.InnerException is HostUnreachableException or OperationCanceledException or JsonException)
        {
            // A property cannot report errors; the next command will. Until then the last values stand.
        }

        _readings.AddOrUpdate(value, at);
    }

    private async Task ReadAsync(VirtualMachine machine)
    {
        using var patience = new CancellationTokenSource(Patience);
        var request = new CommandRequest { Parameters = Json.Object(writer => writer.WriteString("Id", machine.Id)) };
        await foreach (var record in host.Client.SendAsync("Get-VM", request, patience.Token).ConfigureAwait(false))
        {
            if (record is ObjectRecord current && ModelObjects.Read(current) is VirtualMachine now)
            {
                machine.CopyFrom(now);
                Adopt(machine);
            }
            else if (record is ErrorRecord { ErrorId: NotThere } error && Guid.TryParse(error.Target, out var missing) && missing == machine.Id)
            {
                // Any other error, a refusal for example, says nothing about the machine.
                machine.IsDeleted = true;
            }
        }
    }

    private sealed record Reading(long At, long Changes);

    private sealed class Suspension : IDisposable
    {
        public void Dispose() => _suspensions--;
    }
}
