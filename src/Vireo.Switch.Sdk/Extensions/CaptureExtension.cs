namespace Vireo.Switch.Sdk;

/// <summary>
/// Looks at every frame that enters or leaves the switch and changes nothing: samplers, flow exporters, intrusion detection.
/// </summary>
public abstract class CaptureExtension : SwitchExtension
{
    /// <inheritdoc/>
    internal sealed override ExtensionKind Kind => ExtensionKind.Capture;

    /// <summary>A frame passes. It is valid until the method returns; copy what you keep.</summary>
    protected abstract void Capture(in FrameView frame);

    /// <inheritdoc/>
    internal sealed override void Process(FrameBatch batch, SwitchPort port, StageDirection direction)
    {
        foreach (var index in batch.Live)
        {
            Capture(new FrameView(batch, index, port, direction));
        }
    }
}
