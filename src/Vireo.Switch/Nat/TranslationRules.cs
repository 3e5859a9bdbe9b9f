namespace Vireo.Switch.Nat;

/// <summary>
/// The netfilter table of one gateway, and nothing else: made, replaced and removed as a whole, in this network namespace.
/// </summary>
internal static class TranslationRules
{
    /// <summary>Name of the table.</summary>
    public static string TableOf(Guid id) => $"vireo_{id.ToString("N")[..8]}";

    /// <summary>
    /// Commands that make or replace the table in one transaction. Guests get out under the address of the way they take; nobody outside
    /// opens a connection to them.
    /// </summary>
    public static string Replace(Guid id, string interfaceName, IPv4Subnet subnet) =>
        $$"""
        {{Remove(id)}}
        table ip {{TableOf(id)}} {
          chain postrouting {
            type nat hook postrouting priority srcnat; policy accept;
            ip saddr {{subnet}} ip daddr != {{subnet}} oifname != "{{interfaceName}}" masquerade
          }
          chain forward {
            type filter hook forward priority filter; policy accept;
            iifname "{{interfaceName}}" accept
            oifname "{{interfaceName}}" ct state established,related accept
            oifname "{{interfaceName}}" drop
          }
        }

        """;

    /// <summary>Commands that remove the table, there or not.</summary>
    public static string Remove(Guid id) =>
        $"""
        table ip {TableOf(id)}
        delete table ip {TableOf(id)}

        """;
}
