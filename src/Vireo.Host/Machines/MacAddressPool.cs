using System.Globalization;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Host.Machines;

/// <summary>Hands out dynamic MAC addresses from the host's range; an address is free when no adapter carries it.</summary>
/// <param name="settings">The range.</param>
/// <param name="used">Addresses that adapters carry.</param>
internal sealed class MacAddressPool(IHostSettings settings, Func<IEnumerable<string>> used)
{
    private readonly Lock _take = new();
    private readonly HashSet<string> _handedOut = new(StringComparer.Ordinal);

    /// <summary>Takes a free address.</summary>
    /// <exception cref="CommandException">All are taken.</exception>
    public string Take()
    {
        lock (_take)
        {
            var (first, last) = (Number(settings.Current.MacAddressMinimum), Number(settings.Current.MacAddressMaximum));
            var taken = used().ToHashSet(StringComparer.Ordinal);

            // An address that was handed out is not yet in a configuration for a moment; once it was and is no more, it is free again.
            _handedOut.ExceptWith(taken);
            for (var number = first; number <= last; number++)
            {
                var address = number.ToString("X12", CultureInfo.InvariantCulture);
                if (!taken.Contains(address) && _handedOut.Add(address))
                {
                    return address;
                }
            }

            throw new CommandException(
                "OutOfMacAddresses", ErrorCategory.ResourceUnavailable,
                $"All {last - first + 1} dynamic MAC addresses of this host are taken; give it more with 'Set-VMHost -MacAddressMaximum'.");
        }
    }

    private static ulong Number(string address) => ulong.Parse(address, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
