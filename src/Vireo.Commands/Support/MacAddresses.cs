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
}
