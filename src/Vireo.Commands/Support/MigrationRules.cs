using System.Net;
using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Commands.Support;

/// <summary>What holds for migration between hosts.</summary>
public static class MigrationRules
{
    /// <summary>Listens where the settings say now; what hinders becomes a warning.</summary>
    public static async Task ApplyAsync(CommandContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        foreach (var trouble in await context.Service<IMigrationListener>().ApplyAsync(context.Cancellation))
        {
            context.WriteWarning(trouble);
        }

        var settings = context.Service<IHostSettings>().Current;
        if (settings is { VirtualMachineMigrationEnabled: true, UseAnyNetworkForMigration: false, MigrationNetworks: null or [] })
        {
            context.WriteWarning("No network is chosen for migration, so no host can come here: 'Add-VMMigrationNetwork' chooses one, 'Set-VMHost -UseAnyNetworkForMigration $true' takes all.");
        }
    }

    /// <summary>A network as it is kept: <c>192.0.2.0/24</c>; one address is a network of its own.</summary>
    /// <exception cref="CommandException">It is none.</exception>
    public static string Subnet(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (IPAddress.TryParse(slash < 0 ? text : text[..slash], out var address)
            && (address.AddressFamily != System.Net.Sockets.AddressFamily.InterNetwork || text.AsSpan(0, slash < 0 ? text.Length : slash).Count('.') == 3))
        {
            var bits = address.GetAddressBytes();
            if (slash < 0)
            {
                return $"{address}/{bits.Length * 8}";
            }

            if (int.TryParse(text.AsSpan(slash + 1), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var length) && length <= bits.Length * 8)
            {
                // Bits behind the prefix do not count: 192.0.2.7/24 is the network 192.0.2.0/24.
                for (var bit = length; bit < bits.Length * 8; bit++)
                {
                    bits[bit / 8] &= (byte)~(0x80 >> (bit % 8));
                }

                return $"{new IPAddress(bits)}/{length}";
            }
        }

        throw Errors.Invalid($"'{text}' is no network; write an address and the length of its prefix, as in 192.0.2.0/24, or one address.", text);
    }

    /// <summary>The network as an object of the model.</summary>
    public static VMMigrationNetwork Describe(MigrationNetwork network, IHostSettings host)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(host);
        return new VMMigrationNetwork { ComputerName = host.Facts.Name, Subnet = network.Subnet, Priority = network.Priority };
    }
}
