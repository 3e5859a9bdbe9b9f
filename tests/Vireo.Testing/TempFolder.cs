namespace Vireo.Testing;

/// <summary>A folder of one test, gone when the test ends. Its path is short, because Unix sockets live in it.</summary>
public sealed class TempFolder : IDisposable
{
    /// <summary>Makes the folder below <c>/tmp</c>.</summary>
    public TempFolder()
    {
        Path = Directory.CreateTempSubdirectory("vt-").FullName;
    }

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>A path inside it.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }
    }
}
