using Vireo.Switch.Sdk;

namespace Vireo.Switch.Extensions;

/// <summary>Stands in for an extension that fails closed and does not work: no frame passes.</summary>
internal sealed class BlockStage(string name) : IStage
{
    private static readonly DropReason s_failed = DropReason.Register("ExtensionFailed");

    /// <inheritdoc/>
    public string Name { get; } = name;

    /// <inheritdoc/>
    public void Process(FrameBatch batch, StageDirection direction)
    {
        foreach (var index in batch.Live)
        {
            batch.Drop(index, s_failed);
        }
    }
}
