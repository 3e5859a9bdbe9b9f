using Vireo.Machines.Configuration;

namespace Vireo.Host.Machines;

/// <summary>
/// Memory that machines were promised: what running ones may touch yet, and what starting ones are about to take. Checking and promising
/// are one step, so that many machines started at once do not all count the same free memory.
/// </summary>
/// <param name="running">Memory in bytes that machines other than the given one have, or may touch.</param>
internal sealed class MemoryPromises(Func<Guid, long> running)
{
    private readonly Lock _promise = new();
    private readonly Dictionary<Guid, long> _starting = [];

    /// <summary>Promises a machine its memory until the result is disposed; by then it runs, or does not.</summary>
    /// <exception cref="Commands.Framework.CommandException">The host has not enough.</exception>
    public IDisposable Reserve(VirtualMachineConfiguration machine)
    {
        lock (_promise)
        {
            var starting = _starting.Where(other => other.Key != machine.Id).Sum(other => other.Value);
            StartChecks.RequireMemory(machine, running(machine.Id), starting);
            _starting[machine.Id] = machine.Memory.StartupBytes;
        }

        return new Reservation(this, machine.Id);
    }

    private void Release(Guid machine)
    {
        lock (_promise)
        {
            _starting.Remove(machine);
        }
    }

    private sealed class Reservation(MemoryPromises promises, Guid machine) : IDisposable
    {
        public void Dispose() => promises.Release(machine);
    }
}
