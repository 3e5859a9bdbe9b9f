using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Vireo.Commands.Services;

namespace Vireo.Host.Peers;

/// <summary>Addresses of this host, now.</summary>
internal static class LocalNetworks
{
    /// <summary>Addresses by which others may reach this host: loopback only when there is nothing else.</summary>
    /// <param name="isForGuests">Interfaces, by name, whose network is behind address translation: every host may have the same there.</param>
    public static IReadOnlyList<IPAddress> Addresses(Func<string, bool> isForGuests)
    {
        var all = All(isForGuests);
        var reachable = all.Where(static address => !IPAddress.IsLoopback(address)).ToList();
        return reachable.Count > 0 ? reachable : all;
    }

    /// <summary>The addresses that lie in networks which were chosen for migration, best network first.</summary>
    public static IReadOnlyList<IPAddress> AddressesIn(IEnumerable<MigrationNetwork> networks)
    {
        var all = All(static _ => false);
        return [.. networks.OrderBy(static network => network.Priority).SelectMany(network => all.Where(address => IPNetwork.Parse(network.Subnet).Contains(address))).Distinct()];
    }

    /// <summary>Whether an address is one of this host.</summary>
    public static bool IsOwn(IPAddress address) => IPAddress.IsLoopback(address) || All(static _ => false).Contains(address);

    private static List<IPAddress> All(Func<string, bool> isLeftOut)
    {
        try
        {
            return [.. NetworkInterface.GetAllNetworkInterfaces()
                .Where(device => device.OperationalStatus is OperationalStatus.Up or OperationalStatus.Unknown && !isLeftOut(device.Name))
                .SelectMany(static device => device.GetIPProperties().UnicastAddresses)
                .Select(static address => address.Address)
                .Where(static address => address.AddressFamily is AddressFamily.InterNetwork or AddressFamily.InterNetworkV6 && !address.IsIPv6LinkLocal)
                .OrderBy(static address => address.AddressFamily)];
        }
        catch (NetworkInformationException)
        {
            // Interfaces come and go while they are listed; whoever asks asks again.
            return [];
        }
    }
}
