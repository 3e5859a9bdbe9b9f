namespace Vireo.Bench.Storage;

/// <summary>A group of figures of <c>./bench storage</c> that can be run alone.</summary>
internal interface IStoragePart
{
    /// <summary>For <c>--only</c>.</summary>
    string Name { get; }

    /// <summary>Measures.</summary>
    /// <param name="bench">Options, folders and images.</param>
    Task RunAsync(StorageBench bench);
}
