using System.Globalization;

namespace Vireo.Switch.Acls;

/// <summary>Ports of TCP or UDP that a rule names.</summary>
/// <param name="First">The lowest.</param>
/// <param name="Last">The highest.</param>
internal readonly record struct PortRange(ushort First, ushort Last)
{
    /// <summary>Every port, and frames without ports.</summary>
    public bool IsAny => First == 0 && Last == ushort.MaxValue;

    /// <summary>Whether a frame's port fits.</summary>
    public bool Fits(ushort port, bool hasPorts) => IsAny || (hasPorts && port >= First && port <= Last);

    /// <summary>Reads <c>80</c>, <c>8000-8999</c>, <c>ANY</c>; null is any.</summary>
    public static bool TryParse(string? text, out PortRange range)
    {
        range = new PortRange(0, ushort.MaxValue);
        if (text is null or "*" || text.Equals("ANY", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        var parts = text.Split('-');
        if (parts.Length > 2
            || !ushort.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
            || !ushort.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var last)
            || last < first)
        {
            return false;
        }

        range = new PortRange(first, last);
        return true;
    }
}
