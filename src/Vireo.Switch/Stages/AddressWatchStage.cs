using Vireo.Switch.Inspection;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>
/// Notes which network addresses are used behind a port that is trusted, an uplink or an adapter of the management operating system, so that
/// no guarded port can take them. Drops nothing.
/// </summary>
internal sealed class AddressWatchStage(TimeProvider clock) : IFlowStage, IPortStage
{
    public const string StageName = "AddressWatch";

    private PortState? _port;

    public string Name => StageName;

    public void Attach(PortState port) => _port = port;

    public bool Remember(FrameBatch batch, int index, StageDirection direction, ref FlowEntry entry) => true;

    public void Process(FrameBatch batch, StageDirection direction)
    {
        if (direction == StageDirection.Egress || _port is not { Switch: not null } port)
        {
            return;
        }

        var now = Clock.Seconds(clock);
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            var type = frame.Headers.EtherType;

            // Nearly no frame is one of these, so only those are parsed further.
            const int nextHeader = 6;
            var isArp = type == 0x0806;
            var mayBeNeighbor = type == 0x86DD && frame.Headers.NetworkOffset + nextHeader < batch.Head(index).Length && batch.Head(index)[frame.Headers.NetworkOffset + nextHeader] == 58;
            if ((isArp || mayBeNeighbor) && FrameParser.TryParse(batch.Bytes(index), HeaderDepth.Network, out var headers))
            {
                frame.Headers = headers;
                AddressClaims.Check(batch, index, port, null, null, now);
            }
        }
    }
}
