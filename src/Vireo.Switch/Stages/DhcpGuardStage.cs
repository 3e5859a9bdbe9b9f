using Vireo.Switch.Inspection;
using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>
/// Nobody behind the port is a DHCP server: what goes to a client's port, or comes from a server's, is dropped (RFC 2131 4.1: 67 to 68;
/// RFC 8415 7.2: 547 to 546). A fragment without its ports cannot be judged; its first fragment, without which it is nothing, can.
/// </summary>
internal sealed class DhcpGuardStage : IFlowStage
{
    public const string StageName = "DhcpGuard";

    private static readonly DropReason s_guarded = DropReason.Register("DhcpGuard");

    public string Name => StageName;

    public HeaderDepth Needs => HeaderDepth.Network;

    public bool Remember(FrameBatch batch, int index, StageDirection direction, ref FlowEntry entry) => true;

    public void Process(FrameBatch batch, StageDirection direction)
    {
        if (direction == StageDirection.Egress)
        {
            return;
        }

        foreach (var index in batch.Live)
        {
            var headers = batch[index].Headers;
            if (Transport.HidesHeader(headers))
            {
                batch.Drop(index, DropReason.Malformed);
                continue;
            }

            const byte udp = 17;
            if (headers.TransportProtocol != udp || !Transport.TryReadPorts(batch, index, out var source, out var destination))
            {
                continue;
            }

            if (headers.Network == NetworkProtocol.IPv4 ? destination == 68 || source == 67 : destination == 546 || source == 547)
            {
                batch.Drop(index, s_guarded);
            }
        }
    }
}
