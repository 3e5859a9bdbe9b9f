using Vireo.Control.Storage;
using Vireo.Platform.Files;

namespace Vireo.Host.Transfers;

/// <summary>An image of a chain.</summary>
/// <param name="Path">The file.</param>
/// <param name="ParentPath">The image it stands on; null is none.</param>
/// <param name="FileBytes">Storage that the file takes.</param>
internal sealed record ChainImage(string Path, string? ParentPath, long FileBytes);

/// <summary>Which images a disk consists of.</summary>
internal static class ImageChains
{
    // The storage plane opens no deeper chain.
    private const int MaximumDepth = 256;

    /// <summary>Every image that the given ones consist of, parents before children, each once.</summary>
    /// <exception cref="Vireo.Control.ControlException">One is missing, damaged, or not the parent that its child was made from.</exception>
    public static async Task<IReadOnlyList<ChainImage>> CollectAsync(IStorageControl storage, IEnumerable<string> paths, CancellationToken cancellation)
    {
        var found = new Dictionary<string, ChainImage>(StringComparer.Ordinal);
        var ordered = new List<ChainImage>();
        foreach (var path in paths)
        {
            var chain = new List<ChainImage>();
            for (string? next = path; next is not null && !found.ContainsKey(next) && chain.Count < MaximumDepth;)
            {
                var image = await storage.InspectImageAsync(next, cancellation);
                var one = new ChainImage(next, image.ParentPath is { } parent ? UncPath.IsUnc(parent) ? parent : Path.GetFullPath(parent) : null, image.FileSizeBytes);
                found[next] = one;
                chain.Add(one);
                next = one.ParentPath;
            }

            ordered.AddRange(Enumerable.Reverse(chain));
        }

        return ordered;
    }
}
