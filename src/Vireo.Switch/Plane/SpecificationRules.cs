using System.Globalization;
using System.Text;
using Vireo.Control.Switching;
using Vireo.Platform.Net;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Plane;

/// <summary>What a specification must satisfy by itself. Every fault is reported, each as one sentence.</summary>
internal static class SpecificationRules
{
    private const int SocketPathBytesMax = 107;
    private const int QueuePairsMax = 16;

    public static IReadOnlyList<string> Validate(SwitchSpecification asked)
    {
        List<string> faults = [];
        if (asked.Id == Guid.Empty)
        {
            faults.Add("A switch needs an id.");
        }

        if (string.IsNullOrEmpty(asked.Name))
        {
            faults.Add("A switch needs a name.");
        }

        if (asked.Kind == SwitchKind.External && string.IsNullOrEmpty(asked.ExternalInterface))
        {
            faults.Add($"The external switch '{asked.Name}' needs a network interface.");
        }

        if (asked.Kind != SwitchKind.External && asked.ExternalInterface is not null)
        {
            faults.Add($"The switch '{asked.Name}' is not external, so it cannot have the network interface '{asked.ExternalInterface}'.");
        }

        if (asked.Nat && asked.Kind != SwitchKind.Internal)
        {
            faults.Add($"The switch '{asked.Name}' is not internal, so it cannot have address translation.");
        }

        const int weightMax = 100;
        const long bandwidthMax = 1_000_000_000_000;
        var flowMax = asked.BandwidthMode switch
        {
            MinimumBandwidthMode.Weight => weightMax,
            MinimumBandwidthMode.Absolute => bandwidthMax,
            _ => 0,
        };
        if (asked.DefaultFlowMinimumBandwidth < 0 || asked.DefaultFlowMinimumBandwidth > flowMax)
        {
            faults.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"The default flow's minimum bandwidth {asked.DefaultFlowMinimumBandwidth} is not possible on the switch '{asked.Name}'; it goes from 0 to {flowMax} there."));
        }

        return faults;
    }

    public static IReadOnlyList<string> Validate(PortSpecification asked, PolicyCompiler compiler)
    {
        List<string> faults = [];
        if (asked.Id == Guid.Empty)
        {
            faults.Add("A port needs an id.");
        }

        if (!MacAddress.TryParse(asked.MacAddress, out var address) || address.IsGroup)
        {
            faults.Add($"'{asked.MacAddress}' is not the address of one adapter; use twelve hexadecimal digits, the second of them even.");
        }

        switch (asked.Kind)
        {
            case PortKind.VhostUser when asked.SocketPath is null || !Path.IsPathRooted(asked.SocketPath):
                faults.Add($"The port {asked.Id:D} needs the absolute path of its socket.");
                break;
            case PortKind.VhostUser when Encoding.UTF8.GetByteCount(asked.SocketPath) > SocketPathBytesMax:
                faults.Add($"The socket path '{asked.SocketPath}' is longer than the {SocketPathBytesMax} bytes that are possible; use a shorter root folder.");
                break;
            case PortKind.Datagram when !IsSocketPath(asked.SocketPath) || !IsSocketPath(asked.PeerSocketPath) || asked.SocketPath == asked.PeerSocketPath:
                faults.Add($"The port {asked.Id:D} needs the absolute paths of its socket and of QEMU's, two different ones of at most {SocketPathBytesMax} bytes.");
                break;
            case PortKind.Tap or PortKind.Packet when !NetworkInterfaces.IsPossibleName(asked.InterfaceName):
                faults.Add($"'{asked.InterfaceName}' is not a possible name of a network interface; use 1 to 15 letters and digits.");
                break;
        }

        if (asked.QueuePairs is < 1 or > QueuePairsMax)
        {
            faults.Add($"{asked.QueuePairs} queue pairs are not possible; use 1 to {QueuePairsMax}.");
        }

        faults.AddRange(compiler.Validate(PortSettings.Of(asked)));
        return faults;
    }

    private static bool IsSocketPath(string? path) => path is not null && Path.IsPathRooted(path) && Encoding.UTF8.GetByteCount(path) <= SocketPathBytesMax;
}
