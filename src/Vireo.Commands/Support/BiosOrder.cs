using Microsoft.HyperV.PowerShell;

namespace Vireo.Commands.Support;

/// <summary>Startup order of a generation 1 machine: each of the four kinds exactly once.</summary>
public static class BiosOrder
{
    private static readonly string[] s_kinds = ["CD", "IDE", "LegacyNetworkAdapter", "Floppy"];

    /// <summary>The usual order, with <paramref name="first"/> brought to the front.</summary>
    public static IReadOnlyList<string> StartingWith(BootDevice? first) =>
        first is { } device && Kind(device) is { } kind ? [kind, .. s_kinds.Where(other => other != kind)] : s_kinds;

    /// <summary>Checks and completes an order given by a person.</summary>
    public static IReadOnlyList<string> From(IReadOnlyList<BootDevice> order)
    {
        var kinds = order.Select(device => Kind(device) ?? throw Errors.Invalid($"A generation 1 machine cannot start from {device}.", device)).ToList();
        if (kinds.Distinct(StringComparer.Ordinal).Count() != kinds.Count || kinds.Count != s_kinds.Length)
        {
            throw Errors.Invalid("The startup order must name CD, IDE, LegacyNetworkAdapter and Floppy, each exactly once.", string.Join(",", order));
        }

        return kinds;
    }

    private static string? Kind(BootDevice device) => device switch
    {
        BootDevice.CD => "CD",
        BootDevice.IDE or BootDevice.VHD => "IDE",
        BootDevice.LegacyNetworkAdapter or BootDevice.NetworkAdapter => "LegacyNetworkAdapter",
        BootDevice.Floppy => "Floppy",
        _ => null,
    };
}
