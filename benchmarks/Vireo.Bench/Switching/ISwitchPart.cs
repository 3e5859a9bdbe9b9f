namespace Vireo.Bench.Switching;

/// <summary>A part of the benchmark of the switch.</summary>
internal interface ISwitchPart
{
    /// <summary>For <c>--only</c>.</summary>
    string Name { get; }

    /// <summary>Measures.</summary>
    Task<IReadOnlyList<Comparison>> RunAsync();
}
