using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>
/// The port belongs to one VLAN, or to none, and its owner never sees a tag. On the way in a frame must carry no tag of its own (one
/// with VLAN id zero only states a priority and is let through) and becomes part of the VLAN; on the way out only the VLAN's frames
/// pass, without the tag. (IEEE 802.1Q 6.9: admit only untagged and priority-tagged frames.)
/// </summary>
/// <param name="vlan">1 to 4094, or zero for frames that belong to no VLAN.</param>
internal sealed class VlanAccessStage(ushort vlan) : IFlowStage
{
    public const string StageName = "VlanAccess";

    public string Name => StageName;

    public bool Remember(FrameBatch batch, int index, StageDirection direction, ref FlowEntry entry) => true;

    public void Process(FrameBatch batch, StageDirection direction)
    {
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if (direction == StageDirection.Ingress)
            {
                // A second tag, or a service tag, would be taken for the VLAN by whoever strips the first.
                if (frame.VlanId != 0 || frame.Headers.TagCount != 0)
                {
                    batch.Drop(index, DropReason.Vlan);
                    continue;
                }

                frame.VlanId = vlan;
            }
            else if (frame.VlanId != vlan)
            {
                batch.Drop(index, DropReason.Vlan);
            }
            else
            {
                frame.VlanId = 0;
                frame.Priority = 0;
            }
        }
    }
}
