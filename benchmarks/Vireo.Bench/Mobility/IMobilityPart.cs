using System.Globalization;

namespace Vireo.Bench.Mobility;

/// <summary>A group of figures of <c>./bench mobility</c> that can be run alone.</summary>
internal interface IMobilityPart
{
    /// <summary>For <c>--only</c>.</summary>
    string Name { get; }

    /// <summary>Measures.</summary>
    Task RunAsync(MobilityBench bench);
}

/// <summary>What the parts share.</summary>
/// <param name="Folder">For images that both hosts have; everybody may use it.</param>
/// <param name="Rounds">How often each thing is done.</param>
/// <param name="Rows">The figures.</param>
internal sealed record MobilityBench(string Folder, int Rounds, List<Comparison> Rows)
{
    /// <summary>A file or folder of the benchmark.</summary>
    public string this[string name] => Path.Combine(Folder, name);

    /// <summary>Notes a figure, and says whether it is what is wanted.</summary>
    /// <param name="row">The figure.</param>
    /// <param name="least">The ratio that is wanted; null when none is.</param>
    public void Add(Comparison row, double? least)
    {
        Rows.Add(row);
        if (least is { } wanted)
        {
            Say(string.Create(CultureInfo.InvariantCulture, $"  {row.What}: {row.Ratio:0.00}, wanted {wanted:0.00}: {(row.Ratio >= wanted ? "met" : "MISSED")}"));
        }
    }

    /// <summary>Tells the person who waits.</summary>
    public static void Say(string text) => Console.Error.WriteLine(text);
}
