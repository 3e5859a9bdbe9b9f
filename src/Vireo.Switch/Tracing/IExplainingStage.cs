using Vireo.Switch.Sdk;

namespace Vireo.Switch.Tracing;

/// <summary>A stage that decides by rules and can say which one it was.</summary>
internal interface IExplainingStage
{
    /// <summary>The rule by which a frame was dropped, or null.</summary>
    string? Explain(FrameBatch batch, int index, StageDirection direction);
}
