using Vireo.Switch.Sdk;

namespace Vireo.Switch.Extensions;

/// <summary>An extension at a port: a stage like any other.</summary>
internal sealed class ExtensionStage(ExtensionInstance instance, SwitchPort port) : IStage
{
    /// <inheritdoc/>
    public string Name => Instance.Name;

    /// <inheritdoc/>
    public HeaderDepth Needs { get; } = instance.Code.Needs;

    /// <summary>The extension.</summary>
    public ExtensionInstance Instance { get; } = instance;

    /// <summary>The port as the extension sees it.</summary>
    public SwitchPort Port { get; } = port;

    /// <inheritdoc/>
    public void Process(FrameBatch batch, StageDirection direction)
    {
        Instance.Process(batch, Port, direction);
        if (Instance.Code.Kind == ExtensionKind.Filter)
        {
            ReadAnew(batch);
        }
    }

    /// <summary>Finds the headers of frames that an extension has written to, for the stages behind.</summary>
    public static void ReadAnew(FrameBatch batch)
    {
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if (frame.Headers.NetworkOffset == 0 && frame.Verdict == DropReason.None)
            {
                if (FrameParser.TryParse(batch.Bytes(index), HeaderDepth.Network, out var headers))
                {
                    frame.Headers = headers;
                }
                else
                {
                    batch.Drop(index, DropReason.Malformed);
                }
            }
        }
    }
}
