using Vireo.Switch.Stages;

namespace Vireo.Switch.Scheduling;

/// <summary>What waits at one receiver from one sender, or from all senders without a share of their own.</summary>
internal sealed class SenderQueue
{
    /// <summary>The frames; null while none waits.</summary>
    public HoldQueue? Frames { get; set; }

    /// <summary>Virtual time at which the oldest frame's turn begins.</summary>
    public double Start { get; set; }

    /// <summary>What a byte costs in virtual time: the greater the share, the less.</summary>
    public double CostPerByte { get; set; } = 1;

    /// <summary>Whether it takes part in the choice.</summary>
    public bool IsWaiting { get; set; }
}
