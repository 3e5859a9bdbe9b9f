using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Vireo.Platform.Files;

namespace Vireo.Host.Store;

/// <summary>A state file of the host: JSON, written atomically. A file that cannot be read stops the host with a sentence that names it.</summary>
public static class JsonFile
{
    private const long MaximumBytes = 256L << 20;

    /// <summary>Reads a file; null when there is none.</summary>
    /// <exception cref="StateFileException">The file is damaged, or newer than this program.</exception>
    public static T? Read<T>(string path, JsonTypeInfo<T> type, Func<T, int> version, int newest)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(version);
        byte[] content;
        try
        {
            content = RegularFile.ReadAllBytes(path, MaximumBytes);
        }
        catch (FileNotFoundException)
        {
            return null;
        }

        T? value;
        try
        {
            value = JsonSerializer.Deserialize(content, type);
        }
        catch (JsonException damage)
        {
            throw new StateFileException(path, $"it is damaged ({damage.Message})", damage);
        }

        if (value is null)
        {
            throw new StateFileException(path, "it is empty", null);
        }

        return version(value) <= newest
            ? value
            : throw new StateFileException(path, $"it was written by a newer version of Vireo (layout {version(value)}, this version knows {newest})", null, isNewer: true);
    }

    /// <summary>Replaces the file; the old content or the new one survives a power cut.</summary>
    public static void Write<T>(string path, T value, JsonTypeInfo<T> type) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(value, type));
}

/// <summary>A state file cannot be used.</summary>
public sealed class StateFileException(string path, string reason, Exception? inner, bool isNewer = false)
    : Exception($"The file '{path}' cannot be used: {reason}. Restore it from a backup, or move it away to go on without it.", inner)
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;

    /// <summary>It is whole, and a newer version of Vireo can read it.</summary>
    public bool IsNewer { get; } = isNewer;
}
