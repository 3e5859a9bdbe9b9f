using Vireo.Disks.Files;
using Vireo.Platform.Files;

namespace Vireo.Disks;

/// <summary>
/// Finds and opens the parents of a differencing image. A parent must answer to the identity that the child kept; one that does not, that is
/// missing or that leads back into the chain is refused by name.
/// </summary>
public static class ImageChain
{
    /// <summary>Images in one chain at most.</summary>
    public const int MaximumDepth = 256;

    /// <summary>Opens the parents of <paramref name="image"/>, which is disposed when that fails.</summary>
    /// <exception cref="ImageException">A parent is missing, another image, in use for writing, damaged, or the chain is a loop.</exception>
    public static IDiskImage Complete(IDiskImage image, ImageOpenOptions options)
    {
        try
        {
            HashSet<string> seen = [RealPath(image.Path)];
            for (var child = image; child.ParentReference is not null;)
            {
                var parent = OpenParent(child, options, seen);
                child.Parent = parent;
                if (parent.Geometry.LogicalSectorBytes != child.Geometry.LogicalSectorBytes)
                {
                    throw new ImageException(
                        ImageErrorKind.Corrupt,
                        child.Path,
                        $"The image '{child.Path}' has sectors of {child.Geometry.LogicalSectorBytes} bytes and its parent '{parent.Path}' of {parent.Geometry.LogicalSectorBytes}; they do not belong together.");
                }

                if (seen.Count > MaximumDepth)
                {
                    throw new ImageException(ImageErrorKind.Unsupported, image.Path, $"The image '{image.Path}' has more than {MaximumDepth} parents; merge some of them.");
                }

                child = parent;
            }

            return image;
        }
        catch
        {
            Close(image);
            throw;
        }
    }

    /// <summary>Where the parent of <paramref name="image"/> is, judged by names and identity; null when it is not found.</summary>
    public static string? FindParent(IDiskImage image, ParentSearch? search = null)
    {
        string? found = null;
        foreach (var candidate in Candidates(image.ParentReference!, image.Path, search ?? ParentSearch.Default))
        {
            found ??= candidate;
            try
            {
                var parent = ImageFile.OpenAlone(candidate, new ImageOpenOptions(ReadOnly: true, TakeLock: false));
                var isRight = Answers(parent, image.ParentReference!);
                Close(parent);
                if (isRight)
                {
                    return candidate;
                }
            }
            catch (ImageException)
            {
                // Whoever opens the chain learns what is wrong with it; here only its place is asked for.
            }
        }

        return found;
    }

    /// <summary>Whether <paramref name="parent"/> is the image that <paramref name="reference"/> means.</summary>
    public static bool Answers(IDiskImage parent, ParentReference reference) =>
        parent.Identity != Guid.Empty && (parent.Identity == reference.Identity || parent.Identity == reference.AlternateIdentity);

    /// <summary>The images of an open chain, the child first.</summary>
    public static IReadOnlyList<IDiskImage> Of(IDiskImage image)
    {
        List<IDiskImage> chain = [];
        for (var next = image; next is not null; next = next.Parent)
        {
            chain.Add(next);
        }

        return chain;
    }

    private static IDiskImage OpenParent(IDiskImage child, ImageOpenOptions options, HashSet<string> seen)
    {
        var reference = child.ParentReference!;
        var search = options.Parents ?? ParentSearch.Default;
        ImageException? refused = null;
        foreach (var candidate in Candidates(reference, child.Path, search))
        {
            if (!seen.Add(RealPath(candidate)))
            {
                refused = new ImageException(
                    ImageErrorKind.Corrupt, child.Path, $"The image '{child.Path}' names '{candidate}' as its parent, which is above it in the same chain: the chain is a loop.");
                continue;
            }

            var parent = ImageFile.OpenAlone(candidate, options with { ReadOnly = true, Format = null });
            if (Answers(parent, reference) || search.IgnoreIdMismatch)
            {
                return parent;
            }

            refused = new ImageException(
                ImageErrorKind.IdentityMismatch,
                child.Path,
                $"The parent '{candidate}' of '{child.Path}' is not the image that the child was made from, or was changed since: its identity is {parent.Identity:D}, expected was {reference.Identity:D}.");
            seen.Remove(RealPath(candidate));
            Close(parent);
        }

        throw refused ?? new ImageException(
            ImageErrorKind.ParentMissing,
            child.Path,
            $"The parent of '{child.Path}' is missing: {string.Join(", ", reference.Paths.Select(static path => $"'{path}'"))} was not found; put it beside the child, or set the parent's path.");
    }

    // In the order of the paths in the image; each as it stands, mapped, and at last by its name beside the child.
    private static IEnumerable<string> Candidates(ParentReference reference, string childPath, ParentSearch search)
    {
        var remote = UncPath.TryParse(childPath, out var child, out _) ? child : null;
        var folder = remote is null ? Path.GetDirectoryName(RealPath(childPath))! : "";
        HashSet<string> tried = [];
        foreach (var path in reference.Paths)
        {
            foreach (var candidate in Places(path, folder, remote, search))
            {
                if (tried.Add(candidate) && IsThere(candidate))
                {
                    yield return candidate;
                }
            }
        }

        foreach (var path in reference.Paths)
        {
            var name = Path.GetFileName(ParentPath.ToLocal(path));
            if (name.Length > 0 && (remote is null ? FindInFolder(folder, name) : FindOnShare(remote, name)) is { } beside && tried.Add(beside))
            {
                yield return beside;
            }
        }
    }

    private static IEnumerable<string> Places(string path, string folder, UncPath? child, ParentSearch search)
    {
        if (path.Contains('\0', StringComparison.Ordinal))
        {
            yield break;
        }

        if (!ParentPath.IsAbsolute(path))
        {
            if (child is null)
            {
                yield return Path.GetFullPath(Path.Combine(folder, ParentPath.ToLocal(path)));
            }
            else if (child.Beside(path) is { } beside)
            {
                yield return beside.ToString();
            }

            yield break;
        }

        foreach (var mapping in search.Mappings.OrderByDescending(static mapping => mapping.Prefix.Length))
        {
            var prefix = mapping.Prefix.TrimEnd('\\', '/');
            if (path.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) && (path.Length == prefix.Length || path[prefix.Length] is '\\' or '/'))
            {
                yield return Path.GetFullPath(Path.Combine(mapping.Folder, ParentPath.ToLocal(path[prefix.Length..]).TrimStart('/')));
            }
        }

        if (UncPath.TryParse(path, out var remote, out _))
        {
            yield return remote.ToString();
        }

        // A path of this system, perhaps with the separators that the standard asks for.
        if (path.StartsWith('/') || (path.StartsWith('\\') && !path.StartsWith(@"\\", StringComparison.Ordinal)))
        {
            yield return Path.GetFullPath(ParentPath.ToLocal(path));
        }
    }

    // Windows does not tell capitals from small letters.
    private static string? FindInFolder(string folder, string name)
    {
        var exact = Path.Combine(folder, name);
        if (File.Exists(exact))
        {
            return exact;
        }

        try
        {
            return Directory.EnumerateFiles(folder).FirstOrDefault(file => string.Equals(Path.GetFileName(file), name, StringComparison.OrdinalIgnoreCase));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A folder that cannot be listed has nothing to offer.
            return null;
        }
    }

    private static string? FindOnShare(UncPath child, string name) => child.Beside(name) is { } beside && ImageFiles.Exists(beside.ToString()) ? beside.ToString() : null;

    private static bool IsThere(string path) => UncPath.IsUnc(path) ? ImageFiles.Exists(path) : File.Exists(path);

    private static string RealPath(string path)
    {
        if (UncPath.IsUnc(path))
        {
            return ImageFiles.Key(path);
        }

        var full = Path.GetFullPath(path);
        try
        {
            return File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
        }
        catch (IOException)
        {
            return full;
        }
    }

    // Images that were only read have nothing to write when they are closed, so closing completes at once.
    private static void Close(IDiskImage image) => image.DisposeAsync().AsTask().GetAwaiter().GetResult();
}
