using System.Globalization;
using Vireo.Control.Switching;
using Vireo.Platform.Net;

namespace Vireo.Switch.Lab;

/// <summary>What <c>vireo-switch lab</c> was asked for.</summary>
/// <param name="Switch">The one switch.</param>
/// <param name="Ports">Its ports.</param>
/// <param name="Extensions">Files or folders of extensions, in their order.</param>
/// <param name="PacketThreads">How many packet threads, or null for the default.</param>
internal sealed record LabArguments(SwitchSpecification Switch, IReadOnlyList<PortSpecification> Ports, IReadOnlyList<string> Extensions, int? PacketThreads = null)
{
    /// <summary>How it is called.</summary>
    public const string Usage =
        """
        vireo lab switch --port KIND:NAME[,OPTION]... [--port ...]... [--extension FOLDER]... [--packet-threads N]

        Runs one switch in the foreground, without a host, until Ctrl-C:

          --port vhost-user:PATH       a guest: QEMU or dpdk-testpmd connects to the socket PATH
          --port vhost-user:PATH,client  the same, but they listen and the switch connects
          --port packet:INTERFACE      a network interface that is there; VLANs stay tagged
          --port tap:NAME              a tap, which goes with the switch

        Options of a port: client, queues=N (vhost-user), vlan=N (vhost-user, tap). --extension installs an extension and enables it.
        --packet-threads has ports spread over several threads by load, 1 to 16.
        Whatever is behind a vhost-user socket may end the switch by taking its memory away: do not run strangers' guests here.

          vireo lab switch --port vhost-user:/tmp/a.sock --port vhost-user:/tmp/b.sock --port packet:eth1

        """;

    /// <summary>Reads the command line.</summary>
    /// <param name="arguments">Behind the word <c>lab</c>.</param>
    /// <param name="parsed">What was asked for.</param>
    /// <param name="fault">What is wrong, in a sentence.</param>
    public static bool TryParse(IReadOnlyList<string> arguments, out LabArguments? parsed, out string fault)
    {
        parsed = null;
        fault = "";
        var on = new SwitchSpecification(Guid.NewGuid(), "lab", SwitchKind.Internal);
        List<PortSpecification> ports = [];
        List<string> extensions = [];
        int? threads = null;
        for (var i = 0; i < arguments.Count; i += 2)
        {
            if (i + 1 == arguments.Count || arguments[i] is not ("--port" or "--extension" or "--packet-threads"))
            {
                fault = $"'{arguments[i]}' is not an option with a value; there are --port, --extension and --packet-threads.";
                return false;
            }

            if (arguments[i] == "--packet-threads")
            {
                if (!int.TryParse(arguments[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count is < 1 or > Threads.PacketThreads.CountMax)
                {
                    fault = $"'{arguments[i + 1]}' is not a number of packet threads; there can be 1 to {Threads.PacketThreads.CountMax}.";
                    return false;
                }

                threads = count;
            }
            else if (arguments[i] == "--extension")
            {
                extensions.Add(Path.GetFullPath(arguments[i + 1]));
            }
            else if (Port(on.Id, arguments[i + 1], ports.Count + 1, out fault) is { } port)
            {
                ports.Add(port);
            }
            else
            {
                return false;
            }
        }

        if (ports.Count == 0)
        {
            fault = "A switch without ports carries nothing; give it some with --port.";
            return false;
        }

        parsed = new LabArguments(on, ports, extensions, threads);
        return true;
    }

    private static PortSpecification? Port(Guid on, string text, int number, out string fault)
    {
        fault = "";
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var parts = text[(colon + 1)..].Split(',');
        var kind = colon < 0 ? "" : text[..colon];
        if (kind is not ("vhost-user" or "packet" or "tap") || parts[0].Length == 0)
        {
            fault = $"'{text}' is not a port; write vhost-user:PATH, packet:INTERFACE or tap:NAME.";
            return null;
        }

        var isGuest = kind == "vhost-user";
        var port = new PortSpecification(
            Guid.NewGuid(), on, isGuest ? PortKind.VhostUser : kind == "tap" ? PortKind.Tap : PortKind.Packet, isGuest ? Path.GetFullPath(parts[0]) : null, isGuest ? null : parts[0],
            string.Create(CultureInfo.InvariantCulture, $"02155DFE{number:X4}"), AllowUnsealedMemory: isGuest);
        if (port.Kind == PortKind.Packet && NetworkInterfaces.Find(parts[0]) is null)
        {
            fault = $"There is no network interface '{parts[0]}'.";
            return null;
        }

        foreach (var option in parts.Skip(1))
        {
            var equals = option.IndexOf('=', StringComparison.Ordinal);
            var value = 0;
            var isNumber = equals > 0 && int.TryParse(option[(equals + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out value);
            switch (equals < 0 ? option : option[..equals])
            {
                case "client" when isGuest && equals < 0:
                    port = port with { SocketConnects = true };
                    break;
                case "queues" when isGuest && isNumber:
                    port = port with { QueuePairs = value };
                    break;
                case "vlan" when port.Kind != PortKind.Packet && isNumber:
                    port = port with { VlanMode = PortVlanMode.Access, AccessVlanId = value };
                    break;
                default:
                    fault = $"A port of the kind {kind} has no option '{option}'; see vireo lab switch --help.";
                    return null;
            }
        }

        return port;
    }
}
