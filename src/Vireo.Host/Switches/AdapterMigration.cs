using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Switches;

/// <summary>What extensions of a switch keep of one adapter, on its way to another host.</summary>
/// <param name="AdapterId">The adapter.</param>
/// <param name="Extensions">What each extension keeps.</param>
internal sealed record AdapterExtensionState(Guid AdapterId, IReadOnlyList<ExtensionPortState> Extensions);

/// <summary>
/// The part that extensions of switches take in the migration of a running machine: at the source <see cref="AskAsync"/> before anything moves and
/// <see cref="SaveAsync"/> when the machine stands still; at the destination <see cref="RestoreAsync"/> when its ports are there and before it runs.
/// </summary>
/// <param name="switches">The switch plane of this host.</param>
internal sealed class AdapterMigration(ISwitchControl switches)
{
    /// <summary>Asks every extension that sees an adapter whether the machine may leave.</summary>
    /// <exception cref="ControlException">One refuses, for the reason that is told; nothing has happened.</exception>
    public async Task AskAsync(IEnumerable<NetworkAdapterConfiguration> adapters, CancellationToken cancellation)
    {
        foreach (var adapter in Connected(adapters))
        {
            await switches.NotifyPortAsync(adapter.Id, PortNoticeKind.MachineMigrating, cancellation);
        }
    }

    /// <summary>What extensions want the destination to know. Settings go along with the machine's configuration and are not part of it.</summary>
    /// <exception cref="ControlException">The plane cannot be asked.</exception>
    public async Task<IReadOnlyList<AdapterExtensionState>> SaveAsync(IEnumerable<NetworkAdapterConfiguration> adapters, CancellationToken cancellation)
    {
        List<AdapterExtensionState> kept = [];
        foreach (var adapter in Connected(adapters))
        {
            if (await switches.SavePortStateAsync(adapter.Id, cancellation) is { Count: > 0 } extensions)
            {
                kept.Add(new AdapterExtensionState(adapter.Id, extensions));
            }
        }

        return kept;
    }

    /// <summary>Gives extensions here what those of the source kept, as far as the same ones are here, and tells all that the machine has arrived.</summary>
    /// <param name="adapters">The machine's adapters as they are here.</param>
    /// <param name="kept">Comes from another host: states of adapters that the machine does not have are left out.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="ControlException">The plane cannot be asked, or refuses what is too long to be right.</exception>
    public async Task RestoreAsync(IEnumerable<NetworkAdapterConfiguration> adapters, IReadOnlyList<AdapterExtensionState> kept, CancellationToken cancellation)
    {
        foreach (var adapter in Connected(adapters))
        {
            if (kept.FirstOrDefault(one => one.AdapterId == adapter.Id) is { } state)
            {
                await switches.RestorePortStateAsync(adapter.Id, state.Extensions, cancellation);
            }

            await switches.NotifyPortAsync(adapter.Id, PortNoticeKind.MachineMigrated, cancellation);
        }
    }

    // An adapter whose cable goes nowhere has no extensions.
    private static IEnumerable<NetworkAdapterConfiguration> Connected(IEnumerable<NetworkAdapterConfiguration> adapters) => adapters.Where(adapter => adapter.SwitchId is not null);
}
