namespace Vireo.Testing;

/// <summary>Data that others made and that is not part of the checkout: the folder of <c>VIREO_TEST_DATA</c>, or <c>../shared/data</c>.</summary>
public static class SharedData
{
    /// <summary>The folder, or null where there is none.</summary>
    public static string? Folder
    {
        get
        {
            var folder = Environment.GetEnvironmentVariable("VIREO_TEST_DATA")
                ?? (Repository.SharedFolder is { } shared ? Path.Combine(shared, "data") : null);
            return folder is not null && Directory.Exists(folder) ? folder : null;
        }
    }

    /// <summary>Unpacks <c>name.xz</c> into <paramref name="folder"/> and returns the path of the file.</summary>
    public static string Unpack(TempFolder folder, string name)
    {
        var packed = folder[Path.GetFileName(name) + ".xz"];
        File.Copy(Path.Combine(Folder ?? throw new InvalidOperationException("There is no folder with data of others."), name + ".xz"), packed);
        File.SetUnixFileMode(packed, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Peer.Run("xz", "-d", packed);
        return packed[..^3];
    }
}
