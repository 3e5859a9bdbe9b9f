namespace Vireo.Bench;

/// <summary>
/// One comparison: Vireo and its peers do the same thing in one run, in turns, and the answer is a ratio. Figures of different runs are never
/// compared, because machines are noisy.
/// </summary>
internal interface IBenchmark
{
    /// <summary>What a person types: <c>./bench NAME</c>.</summary>
    string Name { get; }

    /// <summary>One line of help.</summary>
    string Summary { get; }

    /// <summary>Debian packages that its peers come from, as pairs of command and package.</summary>
    IReadOnlyList<(string Command, string Package)> Needs { get; }

    /// <summary>Runs it.</summary>
    Task<IReadOnlyList<Comparison>> RunAsync(IReadOnlyList<string> arguments);
}

/// <summary>What was measured: each figure is the median of its rounds.</summary>
/// <param name="What">The thing done, for example <c>list 200 machines</c>.</param>
/// <param name="Unit">For example <c>ms</c>.</param>
/// <param name="Vireo">Vireo's median.</param>
/// <param name="Peer">Name of the peer.</param>
/// <param name="PeerValue">The peer's median.</param>
/// <param name="LessIsBetter">Whether a small figure is the good one.</param>
internal sealed record Comparison(string What, string Unit, double Vireo, string Peer, double PeerValue, bool LessIsBetter)
{
    /// <summary>How many times as good as the peer Vireo is: 1 is the same, 2 twice as good.</summary>
    public double Ratio => LessIsBetter ? PeerValue / Vireo : Vireo / PeerValue;
}
