using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>Does nothing: shows what a stage costs, and that one more in the list changes nothing.</summary>
internal sealed class PassThroughStage : IStage
{
    public const string StageName = "PassThrough";

    public string Name => StageName;

    public void Process(FrameBatch batch, StageDirection direction)
    {
    }
}
