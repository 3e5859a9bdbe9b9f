using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>Loses frames at random, in both directions, so that a bad network can be had at will. The same seed loses the same frames.</summary>
/// <param name="lossPercent">0 to 100.</param>
/// <param name="seed">Start of the sequence.</param>
internal sealed class FaultStage(double lossPercent, ulong seed) : IStage
{
    public const string StageName = "Fault";

    private static readonly DropReason s_lost = DropReason.Register("Fault");
    private readonly ulong _threshold = lossPercent >= 100 ? ulong.MaxValue : (ulong)(lossPercent / 100 * ulong.MaxValue);
    private ulong _state = seed;

    public string Name => StageName;

    public void Process(FrameBatch batch, StageDirection direction)
    {
        foreach (var index in batch.Live)
        {
            if (Next() < _threshold || _threshold == ulong.MaxValue)
            {
                batch.Drop(index, s_lost);
            }
        }
    }

    // SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): eight bytes of state, any seed is good.
    private ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var mixed = (_state ^ (_state >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }
}
