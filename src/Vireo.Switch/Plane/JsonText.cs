using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Vireo.Switch.Plane;

/// <summary>
/// Puts JSON together in memory that is used again. A plane with a thousand ports stores hundreds of kilobytes at each change: as much garbage each time would have
/// the collector stop the packet threads for milliseconds.
/// </summary>
internal sealed class JsonText : IDisposable
{
    private readonly ArrayBufferWriter<byte> _bytes = new();
    private readonly Utf8JsonWriter _writer;

    /// <summary>Nothing is written yet.</summary>
    public JsonText() => _writer = new Utf8JsonWriter(_bytes, new JsonWriterOptions { Indented = true });

    /// <summary>What was written last.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    /// <summary>Writes <paramref name="value"/>; what was written before is gone.</summary>
    public ReadOnlySpan<byte> Write<T>(T value, JsonTypeInfo<T> type)
    {
        _bytes.ResetWrittenCount();
        _writer.Reset();
        JsonSerializer.Serialize(_writer, value, type);
        _writer.Flush();
        return _bytes.WrittenSpan;
    }

    /// <inheritdoc/>
    public void Dispose() => _writer.Dispose();
}
