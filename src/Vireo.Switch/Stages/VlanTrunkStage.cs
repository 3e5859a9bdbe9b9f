using Vireo.Switch.Pipeline;
using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>
/// The port takes part in several VLANs, tagged, and in its native VLAN, untagged. A frame whose VLAN is not on the list is refused, and so
/// is one with a second tag, which a switch behind this one might take for the VLAN (IEEE 802.1Q 6.9).
/// </summary>
/// <param name="native">VLAN of untagged frames; zero is none.</param>
/// <param name="allowed">The others.</param>
internal sealed class VlanTrunkStage(ushort native, VlanSet allowed) : IFlowStage
{
    public const string StageName = "VlanTrunk";

    public string Name => StageName;

    public bool Remember(FrameBatch batch, int index, StageDirection direction, ref FlowEntry entry) => true;

    public void Process(FrameBatch batch, StageDirection direction)
    {
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if (direction == StageDirection.Ingress)
            {
                if (frame.Headers.TagCount != 0 || (frame.VlanId != 0 && frame.VlanId != native && !allowed.Contains(frame.VlanId)))
                {
                    batch.Drop(index, DropReason.Vlan);
                }
                else if (frame.VlanId == 0)
                {
                    frame.VlanId = native;
                }
            }
            else if (frame.VlanId == native)
            {
                frame.VlanId = 0;
                frame.Priority = 0;
            }
            else if (!allowed.Contains(frame.VlanId))
            {
                batch.Drop(index, DropReason.Vlan);
            }
        }
    }
}
