using Vireo.Switch.Pipeline;
using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>
/// A port of a private VLAN (RFC 5517): its frames travel in the secondary VLAN, those of a promiscuous port in the primary one, and the
/// receiving port's kind decides. On an uplink the tag says the same to the next switch. Addresses are learned once for the whole primary
/// VLAN, see <see cref="SwitchState.LearningVlan"/>.
/// </summary>
/// <param name="vlan">VLAN of the frames that come from the port.</param>
/// <param name="accepted">VLANs whose frames the port may get.</param>
internal sealed class PrivateVlanStage(ushort vlan, VlanSet accepted) : IFlowStage
{
    public const string StageName = "PrivateVlan";

    private static readonly DropReason s_isolated = DropReason.Register("PrivateVlan");

    public string Name => StageName;

    public bool Remember(FrameBatch batch, int index, StageDirection direction, ref FlowEntry entry) => true;

    public void Process(FrameBatch batch, StageDirection direction)
    {
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if (direction == StageDirection.Ingress)
            {
                if (frame.VlanId != 0 || frame.Headers.TagCount != 0)
                {
                    batch.Drop(index, DropReason.Vlan);
                    continue;
                }

                frame.VlanId = vlan;
            }
            else if (!accepted.Contains(frame.VlanId))
            {
                batch.Drop(index, s_isolated);
            }
            else
            {
                frame.VlanId = 0;
                frame.Priority = 0;
            }
        }
    }
}
