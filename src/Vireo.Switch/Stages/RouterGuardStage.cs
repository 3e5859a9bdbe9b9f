using Vireo.Switch.Inspection;
using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>
/// Nobody behind the port is a router: router advertisements and redirects are dropped, of IPv6 (RFC 4861 4.2, 4.5) and of IPv4 (RFC 1256,
/// RFC 792), and so is a fragmented one (RFC 6980) or one that hides behind headers that cannot be followed (RFC 7113).
/// </summary>
internal sealed class RouterGuardStage : IFlowStage
{
    public const string StageName = "RouterGuard";

    private static readonly DropReason s_guarded = DropReason.Register("RouterGuard");

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
            }
            else if (Transport.TryReadIcmpType(batch, index, out var type)
                && (headers.Network == NetworkProtocol.IPv4 ? type is 5 or 9 : type is 134 or 137))
            {
                batch.Drop(index, s_guarded);
            }
        }
    }
}
