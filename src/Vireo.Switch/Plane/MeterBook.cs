using System.Text.Json;
using Vireo.Control.Switching;
using Vireo.Platform.Files;
using Vireo.Switch.Acls;

namespace Vireo.Switch.Plane;

/// <summary>
/// What the access rules of each port have seen, kept in a file so that a restart of the plane, or of a guest, loses none but the last few
/// seconds. A rule that is removed takes its counts with it. For the control side, one call at a time.
/// </summary>
internal sealed class MeterBook
{
    private readonly string _path;
    private readonly Dictionary<Guid, Dictionary<PortAclSpecification, AclCounter>> _ports = [];
    private byte[] _stored = [];

    /// <summary>Reads what was stored.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public MeterBook(string path)
    {
        _path = path;
        if (!File.Exists(path))
        {
            return;
        }

        try
        {
            _stored = File.ReadAllBytes(path);
            foreach (var (port, rules) in JsonSerializer.Deserialize(_stored, PlaneJson.Default.IReadOnlyDictionaryGuidIReadOnlyListPortAclStatistics) ?? new Dictionary<Guid, IReadOnlyList<PortAclStatistics>>())
            {
                _ports[port] = rules.ToDictionary(one => one.Rule, one => new AclCounter { Frames = one.Frames, Bytes = one.Bytes });
            }
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException)
        {
            throw new InvalidDataException($"The file '{path}' is damaged: {exception.Message} Restore it, or remove it to let all meters begin at zero.", exception);
        }
    }

    /// <summary>What the rules of a port that is being made had seen; empty for a new one. Whoever follows them sees a new generation.</summary>
    public IReadOnlyDictionary<PortAclSpecification, AclCounter> Of(Guid port)
    {
        if (!_ports.TryGetValue(port, out var found))
        {
            return new Dictionary<PortAclSpecification, AclCounter>();
        }

        foreach (var counter in found.Values)
        {
            counter.Begin();
        }

        return found;
    }

    /// <summary>These are the counters of a port from now on.</summary>
    public void Follow(Guid port, IReadOnlyDictionary<PortAclSpecification, AclCounter>? counters)
    {
        if (counters is null)
        {
            _ports.Remove(port);
        }
        else
        {
            _ports[port] = new Dictionary<PortAclSpecification, AclCounter>(counters);
        }
    }

    /// <summary>Stores what has changed since the last time.</summary>
    /// <exception cref="IOException">The disk refuses; the next call tries again.</exception>
    public void Save()
    {
        var now = JsonSerializer.SerializeToUtf8Bytes<IReadOnlyDictionary<Guid, IReadOnlyList<PortAclStatistics>>>(
            _ports.ToDictionary(
                pair => pair.Key,
                IReadOnlyList<PortAclStatistics> (pair) => [.. pair.Value.Select(rule => new PortAclStatistics(rule.Key, rule.Value.Frames, rule.Value.Bytes))]),
            PlaneJson.Default.IReadOnlyDictionaryGuidIReadOnlyListPortAclStatistics);
        if (!now.AsSpan().SequenceEqual(_stored) && (_ports.Count > 0 || _stored.Length > 0))
        {
            AtomicFile.Write(_path, now);
            _stored = now;
        }
    }
}
