namespace Vireo.Switch.Sdk;

/// <summary>
/// Says where frames go, in place of the switch's own lookup. Everything else of the switch stays: the guards and access rules of the sending port
/// come before, those of the receiving ports behind.
/// </summary>
public abstract class ForwardingExtension : SwitchExtension
{
    /// <inheritdoc/>
    internal sealed override ExtensionKind Kind => ExtensionKind.Forwarding;

    /// <summary>Says where a frame from <see cref="FrameView.Port"/> goes; a frame for which nothing is said is dropped.</summary>
    /// <param name="frame">Valid until the method returns. Changes hold for every receiver.</param>
    /// <param name="destinations">Takes the decision.</param>
    protected abstract void Forward(MutableFrame frame, ref Destinations destinations);

    /// <summary>Asks for one frame.</summary>
    internal void Ask(FrameBatch batch, int index, SwitchPort source, ref Destinations destinations) =>
        Forward(new MutableFrame(batch, index, source, StageDirection.Ingress), ref destinations);

    /// <inheritdoc/>
    internal sealed override void Process(FrameBatch batch, SwitchPort port, StageDirection direction)
    {
    }
}
