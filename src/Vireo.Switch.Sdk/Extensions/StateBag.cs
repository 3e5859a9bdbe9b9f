using System.Diagnostics.CodeAnalysis;

namespace Vireo.Switch.Sdk;

/// <summary>What an extension keeps when a port migrates or a new version takes over: bytes by name.</summary>
public sealed class StateBag
{
    /// <summary>Bytes that can be kept in all.</summary>
    public const int BytesMax = 16 << 20;

    private readonly Dictionary<string, byte[]> _entries = new(StringComparer.Ordinal);
    private long _bytes;

    /// <summary>Names in use.</summary>
    public IReadOnlyCollection<string> Names => _entries.Keys;

    /// <summary>Keeps <paramref name="value"/>, in place of what the name stood for.</summary>
    /// <exception cref="InvalidOperationException">It would be more than <see cref="BytesMax"/>.</exception>
    public void Set(string name, ReadOnlySpan<byte> value)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        var bytes = _bytes + value.Length - (_entries.TryGetValue(name, out var before) ? before.Length : 0);
        if (bytes > BytesMax)
        {
            throw new InvalidOperationException($"'{name}' would make the state {bytes} bytes long; {BytesMax} are possible.");
        }

        _entries[name] = value.ToArray();
        _bytes = bytes;
    }

    /// <summary>What was kept.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out byte[]? value) => _entries.TryGetValue(name, out value);
}
