using System.Globalization;
using System.Numerics;

namespace Vireo.Surface;

/// <summary>Values as administrators type them. Everything is read without regard to case and to the user's culture.</summary>
public static class ValueText
{
    /// <summary>A whole number: decimal or <c>0x</c> hexadecimal, with KB, MB, GB, TB or PB meaning powers of 1024. Also <c>1.5GB</c> when that is whole.</summary>
    public static bool TryInteger(string text, out BigInteger value)
    {
        value = default;
        var digits = text.AsSpan().Trim();
        var shift = 0;
        if (digits.Length > 2 && (digits[^1] | 0x20) == 'b')
        {
            shift = (digits[^2] | 0x20) switch { 'k' => 10, 'm' => 20, 'g' => 30, 't' => 40, 'p' => 50, _ => 0 };
            if (shift > 0)
            {
                digits = digits[..^2];
            }
        }

        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase) && shift == 0)
        {
            return BigInteger.TryParse(string.Concat("0", digits[2..]), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
        }

        if (BigInteger.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value))
        {
            value <<= shift;
            return true;
        }

        if (decimal.TryParse(digits, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var fraction)
            && Math.Abs(fraction) < 1L << 40)
        {
            var scaled = fraction * (1L << Math.Min(shift, 40)) * (shift > 40 ? 1024 : 1);
            value = new BigInteger(decimal.Truncate(scaled));
            return decimal.Truncate(scaled) == scaled;
        }

        return false;
    }

    /// <summary>True and false as <c>$true</c>, <c>true</c>, <c>1</c> and their opposites.</summary>
    public static bool TryBoolean(string text, out bool value)
    {
        switch (text.Trim().TrimStart('$').ToUpperInvariant())
        {
            case "TRUE" or "1":
                value = true;
                return true;
            case "FALSE" or "0":
                value = false;
                return true;
            default:
                value = false;
                return false;
        }
    }

    /// <summary>A span of time as <c>[d.]hh:mm[:ss]</c>; a plain number counts ticks of 100 ns, as it does in PowerShell.</summary>
    public static bool TryTimeSpan(string text, out TimeSpan value)
    {
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var ticks))
        {
            value = new TimeSpan(ticks);
            return true;
        }

        return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>A point in time; local when it names no zone.</summary>
    public static bool TryDateTime(string text, out DateTime value) =>
        DateTime.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out value);

    /// <summary>A version; a single number is a major version.</summary>
    public static bool TryVersion(string text, out Version? value) => Version.TryParse(text.Contains('.', StringComparison.Ordinal) ? text : text + ".0", out value);

    /// <summary>A member of an enumeration by its name, its number or several names separated by commas. Gives the name that is sent.</summary>
    public static bool TryEnum(ParameterInfo parameter, string text, out string name)
    {
        var wanted = text.Trim();
        foreach (var value in parameter.Values)
        {
            if (string.Equals(value.Name, wanted, StringComparison.OrdinalIgnoreCase)
                || string.Equals(value.Number.ToString(CultureInfo.InvariantCulture), wanted, StringComparison.Ordinal))
            {
                name = value.Name;
                return true;
            }
        }

        name = wanted;
        return false;
    }

    /// <summary>Least and greatest number that a kind holds.</summary>
    public static (BigInteger Minimum, BigInteger Maximum) Limits(ParameterKind kind) => kind switch
    {
        ParameterKind.Byte => (byte.MinValue, byte.MaxValue),
        ParameterKind.Int16 => (short.MinValue, short.MaxValue),
        ParameterKind.UInt16 => (ushort.MinValue, ushort.MaxValue),
        ParameterKind.Int32 => (int.MinValue, int.MaxValue),
        ParameterKind.UInt32 => (uint.MinValue, uint.MaxValue),
        ParameterKind.UInt64 => (ulong.MinValue, ulong.MaxValue),
        _ => (long.MinValue, long.MaxValue),
    };
}
