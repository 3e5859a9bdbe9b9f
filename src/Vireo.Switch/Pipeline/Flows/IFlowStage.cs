using Vireo.Switch.Sdk;

namespace Vireo.Switch.Pipeline.Flows;

/// <summary>
/// A stage whose answer for an IPv4 frame of TCP or UDP follows from what a <see cref="FlowKey"/> holds, so that it need not be asked for each
/// frame of a conversation.
/// </summary>
internal interface IFlowStage : IStage
{
    /// <summary>
    /// Asked about a frame that has passed the stage: whether all frames of the same key pass it for the rest of this second, with nothing done to
    /// them but what was done to this one's <see cref="Frame.VlanId"/> and <see cref="Frame.Priority"/>. If so, adds the counters that each of
    /// them moves.
    /// </summary>
    bool Remember(FrameBatch batch, int index, StageDirection direction, ref FlowEntry entry);
}
