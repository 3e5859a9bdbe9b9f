using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Commands.Support;

/// <summary>Waits until guests have come as far as somebody needs.</summary>
public static class GuestWaiter
{
    /// <summary>Waits for all of <paramref name="machines"/>, at most <paramref name="timeoutSeconds"/> (null or negative: as long as it takes).</summary>
    /// <exception cref="CommandException"><c>OperationTimeout</c> when the time is over.</exception>
    public static async Task WaitAsync(CommandContext context, IReadOnlyList<Guid> machines, WaitVMTypes what, int? timeoutSeconds, int? delaySeconds)
    {
        using var time = new CancellationTokenSource(
            timeoutSeconds is >= 0 ? TimeSpan.FromSeconds(timeoutSeconds.Value) : System.Threading.Timeout.InfiniteTimeSpan, context.Service<TimeProvider>());
        using var both = CancellationTokenSource.CreateLinkedTokenSource(time.Token, context.Cancellation);
        try
        {
            await Task.WhenAll(machines.Select(id => WaitOneAsync(context, id, what, delaySeconds, both.Token)));
        }
        catch (OperationCanceledException) when (time.IsCancellationRequested && !context.Cancellation.IsCancellationRequested)
        {
            throw new CommandException(
                "OperationTimeout", ErrorCategory.OperationTimeout,
                $"After {timeoutSeconds} seconds the wait for {what} of {Names(context, machines)} is over; the guest may still be starting, or have no agent.", null);
        }
    }

    private static async Task WaitOneAsync(CommandContext context, Guid id, WaitVMTypes what, int? delaySeconds, CancellationToken cancellation)
    {
        var service = context.Service<IMachines>();
        var before = service.StatusOf(id).StartedAt;
        while (true)
        {
            var configuration = service.Find(id) ?? throw Errors.MachineGone(id);
            var status = service.StatusOf(id);
            if (Reached(status, what, before))
            {
                return;
            }

            context.WriteProgress($"Waiting for {what} of '{configuration.Name}'", status.StatusText, -1);
            await service.WaitForChangeAsync(id, cancellation);
            if (delaySeconds is > 0)
            {
                await Task.Delay(TimeSpan.FromSeconds(delaySeconds.Value), context.Service<TimeProvider>(), cancellation);
            }
        }
    }

    private static bool Reached(MachineStatus status, WaitVMTypes what, DateTimeOffset? before) => what switch
    {
        WaitVMTypes.IPAddress => status.HasReachableAddress,
        WaitVMTypes.Reboot => Alive(status) && status.StartedAt != before,
        WaitVMTypes.MemoryOperations => Alive(status),
        _ => Alive(status),
    };

    private static bool Alive(MachineStatus status) =>
        status.Heartbeat is VMHeartbeatStatus.OkApplicationsUnknown or VMHeartbeatStatus.OkApplicationsHealthy or VMHeartbeatStatus.OkApplicationsCritical;

    private static string Names(CommandContext context, IReadOnlyList<Guid> machines) =>
        string.Join(", ", machines.Select(id => $"'{context.Service<IMachines>().Find(id)?.Name}'"));
}
