using System.Net.NetworkInformation;

namespace Vireo.Commands.Support;

/// <summary>Addresses of the host's own network interfaces.</summary>
public static class HostAddresses
{
    /// <summary>IP addresses of an interface; none when it is not there.</summary>
    public static string[] Of(string interfaceName)
    {
        foreach (var candidate in NetworkInterface.GetAllNetworkInterfaces())
        {
            if (string.Equals(candidate.Name, interfaceName, StringComparison.Ordinal))
            {
                return [.. candidate.GetIPProperties().UnicastAddresses.Select(address => address.Address.ToString())];
            }
        }

        return [];
    }
}
