using System.Collections.Concurrent;
using Vireo.Host.History;
using Vireo.Machines.Configuration;
using Vireo.Platform.Testing;

namespace Vireo.Host.Machines;

/// <summary>
/// What machines do when their host's computer starts, and when it stops. A restart of this process alone is neither: guests do not notice it.
/// </summary>
/// <param name="machines">The machines.</param>
/// <param name="running">Who runs, and ran.</param>
/// <param name="events">Events.</param>
/// <param name="time">Clock.</param>
internal sealed class AutomaticActions(MachineService machines, RunningMachines running, EventLog events, TimeProvider time)
{
    /// <summary>At the start of this process, before any machine is touched: decides who is to be started.</summary>
    public void Prepare()
    {
        if (running.IsNewBoot)
        {
            running.BeginStarts([.. machines.All.Where(machine => IsWanted(machine)).Select(machine => machine.Id)]);
        }
    }

    /// <summary>Starts who is to be started, each after its delay. Goes on where a host that died left off.</summary>
    public Task StartAsync(CancellationToken stopping) => Task.WhenAll(running.Pending.Select(id => StartOneAsync(id, stopping)));

    /// <summary>Carries out every running machine's stop action; the answer says what could not be done.</summary>
    public async Task<IReadOnlyList<string>> StopAsync(CancellationToken cancellation)
    {
        running.BeginStop();
        var failures = new ConcurrentBag<string>();
        var active = machines.All.Where(machine => machines.StatusOf(machine.Id).IsActive).ToList();
        try
        {
            await Parallel.ForEachAsync(active, cancellation, async (machine, token) =>
            {
                try
                {
                    await StopOneAsync(machine, token);
                }
                catch (Exception refused) when (!token.IsCancellationRequested)
                {
                    events.Write("AutomaticStopFailed", refused.Message, machine.Id);
                    failures.Add(refused.Message);
                }
            });
        }
        finally
        {
            // Also when whoever asked has gone: a host with a machine that runs is not stopped.
            List<Guid> left = [.. active.Select(machine => machine.Id).Where(id => machines.StatusOf(id).IsActive)];
            if (left.Count > 0)
            {
                running.CancelStop(left);
            }
        }

        return [.. failures.Order(StringComparer.Ordinal)];
    }

    private bool IsWanted(VirtualMachineConfiguration machine) =>
        machine.AutomaticStartAction == "Start" || (machine.AutomaticStartAction == "StartIfRunning" && (running.Running.Contains(machine.Id) || running.Pending.Contains(machine.Id)));

    private async Task StartOneAsync(Guid id, CancellationToken stopping)
    {
        try
        {
            if (machines.Find(id) is { } machine)
            {
                await Task.Delay(TimeSpan.FromSeconds(machine.AutomaticStartDelaySeconds), time, stopping);
                if (machines.Find(id) is not null && !machines.StatusOf(id).IsActive)
                {
                    await machines.StartAsync(id, static (_, _) => { }, stopping);
                    events.Write("AutomaticStart", $"The virtual machine '{machine.Name}' was started with this host.", id);
                }
            }

            CrashPoint.Hit("host.autostart.started");
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The next host goes on with it.
            return;
        }
        catch (Exception refused)
        {
            // Whatever it is: the others start all the same, and the next host does not meet it again.
            events.Write("AutomaticStartFailed", refused.Message, id);
        }

        running.EndStart(id);
    }

    private async Task StopOneAsync(VirtualMachineConfiguration machine, CancellationToken cancellation)
    {
        switch (machine.AutomaticStopAction)
        {
            case "TurnOff":
                await machines.TurnOffAsync(machine.Id, cancellation);
                break;
            case "ShutDown" when machines.StatusOf(machine.Id).State is Microsoft.HyperV.PowerShell.VMState.Running
                && !machine.DisabledIntegrationServices.Contains("Shutdown", StringComparer.OrdinalIgnoreCase):
                await machines.ShutDownAsync(machine.Id, force: true, static (_, _) => { }, cancellation);
                break;
            default:
                // Also where nobody in the guest could be asked: nothing is lost.
                await machines.SaveAsync(machine.Id, static (_, _) => { }, cancellation);
                break;
        }
    }
}
