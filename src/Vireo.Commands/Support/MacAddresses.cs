using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Commands.Support;

/// <summary>MAC addresses as people write them.</summary>
public static class MacAddresses
{
    /// <summary>Twelve upper-case hexadecimal digits out of any usual notation.</summary>
    public static string Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var digits = new string([.. text.Where(character => character is not ('-' or ':' or '.'))]).ToUpperInvariant();
        if (digits.Length != 12 || !digits.All(char.IsAsciiHexDigit))
        {
            throw Errors.Invalid($"'{text}' is not a MAC address; give twelve hexadecimal digits.", text);
        }

        // The lowest bit of the first byte marks a group: no adapter can own such an address.
        return (Convert.ToInt32(digits[1].ToString(), 16) & 1) != 0 || digits == "000000000000"
            ? throw Errors.Invalid($"'{text}' is not the address of a single adapter.", text)
            : digits;
    }

    /// <summary>Throws when an adapter of this host, of a machine or of the management operating system, has the address.</summary>
    /// <param name="context">Knows the adapters.</param>
    /// <param name="address">As <see cref="Parse"/> gives it.</param>
    /// <param name="except">The adapter that is to get it.</param>
    public static void RequireFree(CommandContext context, string address, Guid? except)
    {
        ArgumentNullException.ThrowIfNull(context);
        var owner = context.Service<IMachines>().All
            .Where(machine => machine.NetworkAdapters.Any(adapter => adapter.Id != except && adapter.MacAddress == address))
            .Select(machine => $"the virtual machine '{machine.Name}'")
            .Concat(context.Service<ISwitches>().All.SelectMany(on => on.ManagementAdapters).Where(adapter => adapter.Id != except && adapter.MacAddress == address)
                .Select(adapter => $"the management operating system, as '{adapter.Name}'"))
            .FirstOrDefault();
        if (owner is not null)
        {
            throw Errors.Exists($"The MAC address {address} belongs to an adapter of {owner}; give another one, or take one from the pool with -DynamicMacAddress.", address);
        }
    }
}
