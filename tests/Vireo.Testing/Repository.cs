namespace Vireo.Testing;

/// <summary>Where the checkout is, and the data that others made, which lies beside it.</summary>
public static class Repository
{
    /// <summary>The folder that holds <c>Vireo.slnx</c>.</summary>
    public static string Root { get; } = Find();

    /// <summary>Test data beside the checkout, or null where there is none.</summary>
    public static string? SharedFolder
    {
        get
        {
            var folder = Path.GetFullPath(Path.Combine(Root, "..", "shared"));
            return Directory.Exists(folder) ? folder : null;
        }
    }

    private static string Find()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Vireo.slnx")))
            {
                return folder;
            }
        }

        throw new InvalidOperationException($"No Vireo.slnx above {AppContext.BaseDirectory}.");
    }
}
