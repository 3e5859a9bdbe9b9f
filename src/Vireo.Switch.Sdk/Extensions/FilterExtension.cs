namespace Vireo.Switch.Sdk;

/// <summary>Judges every frame that enters or leaves the switch: lets it pass, drops it, changes it; injects frames of its own.</summary>
public abstract class FilterExtension : SwitchExtension
{
    /// <inheritdoc/>
    internal sealed override ExtensionKind Kind => ExtensionKind.Filter;

    /// <summary>Judges a frame. It is valid until the method returns.</summary>
    /// <returns><see cref="DropReason.None"/> to let it pass; otherwise why not, which is counted at the port.</returns>
    protected abstract DropReason Filter(MutableFrame frame);

    /// <inheritdoc/>
    internal sealed override void Process(FrameBatch batch, SwitchPort port, StageDirection direction)
    {
        foreach (var index in batch.Live)
        {
            var verdict = Filter(new MutableFrame(batch, index, port, direction));
            if (verdict != DropReason.None)
            {
                batch.Drop(index, verdict);
            }
        }
    }
}
