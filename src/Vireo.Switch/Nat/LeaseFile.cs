using System.Globalization;
using Vireo.Control.Switching;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Nat;

/// <summary>The leases file of dnsmasq: a line per lease with expiry (seconds since 1970), hardware address, address, name or *, client id.</summary>
internal static class LeaseFile
{
    /// <summary>Reads what can be read; a line being written is left out.</summary>
    public static IReadOnlyList<NatLease> Read(string text)
    {
        List<NatLease> leases = [];
        foreach (var line in text.Split('\n'))
        {
            var fields = line.Split(' ');
            if (fields.Length >= 4 && long.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out var expires)
                && MacAddress.TryParse(fields[1], out var address))
            {
                var name = fields[3] == "*" ? null : fields[3];
                leases.Add(new NatLease(address.Value.ToString("X12", CultureInfo.InvariantCulture), fields[2], name, DateTimeOffset.FromUnixTimeSeconds(expires)));
            }
        }

        return leases;
    }
}
