namespace Vireo.Switch.Sdk;

/// <summary>Which way a frame is going, seen from the switch.</summary>
public enum StageDirection : byte
{
    /// <summary>From the port into the switch.</summary>
    Ingress,

    /// <summary>Out of the switch to the port.</summary>
    Egress,
}

/// <summary>
/// One thing that happens to frames at a port. A port is a list of stages: a frame passes them in order on its way in, is looked up,
/// and passes those of the receiving port in reverse order on its way out. Built-in features and third parties' are the same kind.
/// </summary>
/// <remarks>
/// A stage belongs to one port and is called by one thread at a time; it takes no lock, allocates nothing and throws nothing while
/// frames pass. It judges the frames in <see cref="FrameBatch.Live"/>: those it does not drop or hold go on.
/// </remarks>
public interface IStage
{
    /// <summary>Name in settings, statistics and traces.</summary>
    string Name { get; }

    /// <summary>How deep the frames must have been parsed. Asked once, when the port's policy is compiled.</summary>
    HeaderDepth Needs => HeaderDepth.Ethernet;

    /// <summary>Looks at the frames and drops, holds or changes some.</summary>
    void Process(FrameBatch batch, StageDirection direction);
}

/// <summary>A stage that also acts as time passes: it holds frames, or injects some.</summary>
public interface ITickingStage : IStage
{
    /// <summary>When to call <see cref="Tick"/> next, in ticks of the switch's clock; <see cref="long.MaxValue"/> when there is nothing to wait for.</summary>
    long NextTick { get; }

    /// <summary>
    /// Puts frames that are due into <paramref name="released"/>, which is empty; they go on behind this stage in
    /// <paramref name="direction"/>. Called again until it releases nothing.
    /// </summary>
    void Tick(long now, StageDirection direction, FrameBatch released);
}
