using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>Takes away the priority that a guest gave its frames (IEEE 802.1Q 6.9.3), because it was not allowed to give any.</summary>
internal sealed class PriorityStage : IFlowStage
{
    public const string StageName = "NoPriority";

    public string Name => StageName;

    public bool Remember(FrameBatch batch, int index, StageDirection direction, ref FlowEntry entry) => true;

    public void Process(FrameBatch batch, StageDirection direction)
    {
        if (direction == StageDirection.Egress)
        {
            return;
        }

        foreach (var index in batch.Live)
        {
            batch[index].Priority = 0;
        }
    }
}
