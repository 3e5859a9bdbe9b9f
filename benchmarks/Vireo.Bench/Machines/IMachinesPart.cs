namespace Vireo.Bench.Machines;

/// <summary>A group of figures of <c>./bench machines</c> that can be run alone.</summary>
internal interface IMachinesPart
{
    /// <summary>For <c>--only</c>.</summary>
    string Name { get; }

    /// <summary>Measures.</summary>
    Task RunAsync(MachinesBench bench);
}

/// <summary>What the parts share.</summary>
/// <param name="Host">A host without machines, but for those of the parts before.</param>
/// <param name="Folder">For images and sockets; everybody may use it.</param>
/// <param name="Count">How many machines are many.</param>
/// <param name="Rows">The figures.</param>
internal sealed record MachinesBench(BenchHost Host, string Folder, int Count, List<Comparison> Rows)
{
    /// <summary>A file or folder of the benchmark.</summary>
    public string this[string name] => Path.Combine(Folder, name);
}
