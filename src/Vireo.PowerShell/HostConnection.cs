using System.Collections.Concurrent;
using System.Management.Automation;
using Vireo.Client;

namespace Vireo.PowerShell;

/// <summary>
/// One host as this session knows it. Connections are kept for the session; objects that came through one are read afresh through it.
/// </summary>
internal sealed class HostConnection
{
    private static readonly ConcurrentDictionary<string, HostConnection> Known = new(StringComparer.Ordinal);
    private long _changes;

    private HostConnection(HostAddress address, PSCredential? credential)
    {
        Client = new HostClient(address, credential?.GetNetworkCredential());
        Live = new LiveObjects(this);
    }

    public HostClient Client { get; }

    /// <summary>Reads objects of this host afresh.</summary>
    public LiveObjects Live { get; }

    /// <summary>Grows with every command that may have changed something.</summary>
    public long Changes => Interlocked.Read(ref _changes);

    /// <summary>The host with this name; the local one when null.</summary>
    /// <exception cref="FormatException">The name is none.</exception>
    public static HostConnection To(string? computerName, PSCredential? credential)
    {
        var address = computerName is null ? HostAddress.Local() : HostAddress.Parse(computerName);
        var key = $"{address.SocketPath}|{address.Url}|{credential?.UserName}";
        if (credential is not null)
        {
            // The password may have changed: a connection with a credential is made anew.
            return Known[key] = new HostConnection(address, credential);
        }

        return Known.GetOrAdd(key, _ => new HostConnection(address, null));
    }

    /// <summary>A command was sent: what is known of objects may be old.</summary>
    public void Changed() => Interlocked.Increment(ref _changes);
}
