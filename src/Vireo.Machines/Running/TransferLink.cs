using System.Net;
using System.Net.Sockets;
using Vireo.Platform.Sockets;

namespace Vireo.Machines.Running;

/// <summary>
/// The connections that memory goes over. QEMU writes the last pages while it holds its lock: over a link that has fallen silent it would answer nobody, and its guest stand
/// still, for as long as TCP tries. So the connections know how long they may be silent, and we hold them too: <see cref="Cut"/> makes QEMU give up at once.
/// </summary>
/// <param name="process">The process that sends.</param>
/// <param name="remote">Where another process waits.</param>
/// <param name="channels">Connections that carry memory side by side, see <see cref="TransferSettings.Channels"/>.</param>
internal sealed class TransferLink(MachineProcess process, IPEndPoint remote, int channels) : IDisposable
{
    private const string Name = "departure";

    // Less than the hosts wait for each other's signs of life: it is this that ends what QEMU waits for, also when no host is there to do it.
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(20);

    private readonly Dictionary<string, SharedConnection> _held = new(StringComparer.Ordinal);

    // Beside those that carry memory side by side there is the one that all begins with. QEMU makes the others itself, and then that one as well.
    private bool IsOwn => channels == 1;

    private int Expected => IsOwn ? 1 : channels + 1;

    /// <summary>Connects, where it is ours to do.</summary>
    /// <returns>What QEMU is told to send to.</returns>
    /// <exception cref="MachineException">Nobody answers there.</exception>
    public async Task<string> OpenAsync(CancellationToken cancellationToken)
    {
        if (!IsOwn)
        {
            return $"tcp:{remote}";
        }

        SharedConnection connection;
        try
        {
            connection = await SharedConnection.ConnectAsync(remote, s_silence, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            throw new MachineException(MachineErrorKind.Transfer, $"The memory of the guest could not be moved: '{remote}' cannot be reached ({exception.Message}).", exception);
        }

        _held.Add(connection.Name, connection);
        await process.HandOverAsync(Name, connection.Descriptor, cancellationToken).ConfigureAwait(false);
        return $"fd:{Name}";
    }

    /// <summary>Holds connections that QEMU has made since. Cheap when there are none to come.</summary>
    /// <exception cref="MachineException">The kernel does not let us.</exception>
    public void Follow()
    {
        if (_held.Count >= Expected)
        {
            return;
        }

        try
        {
            foreach (var connection in process.HoldConnections(remote, s_silence, _held.Keys.ToHashSet(StringComparer.Ordinal)))
            {
                if (!_held.TryAdd(connection.Name, connection))
                {
                    connection.Dispose();
                }
            }
        }
        catch (IOException exception)
        {
            throw new MachineException(
                MachineErrorKind.Transfer,
                $"The memory of the guest could not be moved over {channels} connections, because this host may not hold on to them ({exception.Message.TrimEnd('.')}); over one it can.", exception);
        }
    }

    /// <summary>Ends the connections: QEMU's writes return, and it takes commands again. May be repeated.</summary>
    public void Cut()
    {
        try
        {
            Follow();
        }
        catch (MachineException)
        {
            // Then it was never allowed, and that is why it is given up.
        }

        foreach (var connection in _held.Values)
        {
            connection.End();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var connection in _held.Values)
        {
            connection.Dispose();
        }
    }
}
