using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Vireo.Disks;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Storage.Layers;

/// <summary>
/// Which granules of a disk were written since each of several checkpoints. A checkpoint begins a <see cref="ChangeGeneration"/>; what changed
/// since it is that one and all later ones together, so any number of consumers costs a write one bit.
/// </summary>
/// <remarks>
/// The folder holds <c>changes.json</c>, which is replaced atomically and names generations and checkpoints, and a file for each generation;
/// others are left over from a crash and are removed. Calls that change checkpoints come one after the other and while no write is under way.
/// </remarks>
internal sealed class ChangeTracker : IDisposable
{
    private const string IndexName = "changes.json";
    private readonly string _folder;
    private readonly string _bootId;
    private readonly long _sizeBytes;
    private volatile SortedDictionary<long, ChangeGeneration> _generations = [];
    private volatile Dictionary<string, long> _checkpoints = new(StringComparer.Ordinal);
    private volatile ChangeGeneration _newest;

    private ChangeTracker(string folder, long sizeBytes, int granuleBytes, string bootId, ChangeIndex index, bool isNew)
    {
        (_folder, _sizeBytes, _bootId, GranuleBytes) = (folder, sizeBytes, bootId, granuleBytes);
        foreach (var id in index.Generations)
        {
            _generations.Add(
                id, isNew ? ChangeGeneration.Create(PathOf(id), sizeBytes, granuleBytes, bootId) : ChangeGeneration.Open(PathOf(id), sizeBytes, granuleBytes, bootId));
        }

        foreach (var (name, id) in index.Checkpoints)
        {
            _checkpoints[name] = _generations.ContainsKey(id) ? id : throw new InvalidDataException($"The file '{Path.Combine(folder, IndexName)}' names a checkpoint without its changes; remove the folder to begin anew.");
        }

        _newest = _generations[index.Generations[^1]];
    }

    /// <summary>Bytes that one bit stands for.</summary>
    public int GranuleBytes { get; }

    /// <summary>Names of the checkpoints.</summary>
    public IReadOnlyCollection<string> Checkpoints => _checkpoints.Keys;

    /// <summary>Whether more counts as written than was, because the disk was cut off or used elsewhere.</summary>
    public bool WasConservative => _generations.Values.Any(generation => generation.WasConservative);

    /// <summary>Opens the folder, or makes it.</summary>
    /// <param name="folder">One for each disk.</param>
    /// <param name="sizeBytes">Of the disk.</param>
    /// <param name="granuleBytes">A power of two from 4096 on; an existing folder keeps its own.</param>
    /// <param name="bootId">Of the running system: tells a killed process from a power cut.</param>
    /// <param name="fingerprint">Of the image's content: when it differs from the one at the last clean end, everything counts as written.</param>
    /// <exception cref="InvalidDataException">The folder belongs to another disk or is damaged.</exception>
    /// <exception cref="IOException">It cannot be read or written.</exception>
    public static ChangeTracker Open(string folder, long sizeBytes, int granuleBytes, string bootId, string fingerprint)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, IndexName);
        var index = File.Exists(path) ? Read(path) : null;
        var kept = (index?.Generations ?? []).Select(id => NameOf(id)).ToHashSet(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateFiles(folder, "*.bits").Where(file => !kept.Contains(Path.GetFileName(file))))
        {
            File.Delete(file);
        }

        var isNew = index is null;
        index ??= new ChangeIndex(1, granuleBytes, [1], [], null);
        var tracker = new ChangeTracker(folder, sizeBytes, index.GranuleBytes, bootId, index, isNew);
        if (index.Fingerprint is { } before && !string.Equals(before, fingerprint, StringComparison.Ordinal))
        {
            tracker._newest.MarkAll();
        }

        // Until the next clean end nobody can compare.
        tracker.Save(fingerprint: null);
        return tracker;
    }

    /// <summary>Whether a range is marked already, so that <see cref="MarkAsync"/> is not needed.</summary>
    public bool Covers(long offsetBytes, long lengthBytes) => _newest.Covers(offsetBytes, lengthBytes);

    /// <summary>Marks a range before it is written.</summary>
    /// <exception cref="IOException">The file cannot be written; the write must not happen.</exception>
    public Task MarkAsync(long offsetBytes, long lengthBytes) => _newest.MarkAsync(offsetBytes, lengthBytes);

    /// <summary>Begins a checkpoint: what is written from now on has changed since it. While no write is under way.</summary>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    /// <exception cref="IOException">The files cannot be written; nothing has changed.</exception>
    public void AddCheckpoint(string name)
    {
        if (_checkpoints.ContainsKey(name))
        {
            throw new ArgumentException($"There is a checkpoint '{name}' already; remove it or choose another name.", nameof(name));
        }

        var id = _generations.Keys.Max() + 1;
        File.Delete(PathOf(id));
        var generation = ChangeGeneration.Create(PathOf(id), _sizeBytes, GranuleBytes, _bootId);
        var (before, generationsBefore) = (_checkpoints, _generations);

        // Replaced, not changed: others look at both meanwhile.
        _generations = new(generationsBefore) { [id] = generation };
        _checkpoints = new(before, StringComparer.Ordinal) { [name] = id };
        CrashPoint.Hit("changes.generation.made");
        try
        {
            Save(fingerprint: null);
        }
        catch
        {
            (_checkpoints, _generations) = (before, generationsBefore);
            generation.Dispose();
            throw;
        }

        CrashPoint.Hit("changes.checkpoint.recorded");
        var old = _newest;
        _newest = generation;

        // Written no more, so exact from here on.
        old.Settle();
        DropUnused();
    }

    /// <summary>Forgets a checkpoint; one that is not there is forgotten already.</summary>
    /// <exception cref="IOException">The files cannot be written.</exception>
    public void RemoveCheckpoint(string name)
    {
        if (!_checkpoints.ContainsKey(name))
        {
            return;
        }

        _checkpoints = new(_checkpoints, StringComparer.Ordinal);
        _checkpoints.Remove(name);
        Save(fingerprint: null);
        DropUnused();
    }

    /// <summary>
    /// Appends extents that cover the range from its start, up to the limit of one answer: kind 1 where something was written since checkpoint
    /// <paramref name="name"/>, 0 elsewhere. False when there is no such checkpoint.
    /// </summary>
    public bool TryMap(string name, long offsetBytes, long lengthBytes, List<BlockExtent> extents, int limit = 1024)
    {
        if (!_checkpoints.TryGetValue(name, out var since))
        {
            return false;
        }

        ChangeGeneration[] later = [.. _generations.Where(pair => pair.Key >= since).Select(pair => pair.Value)];
        var end = offsetBytes + lengthBytes;
        for (var at = offsetBytes; at < end && limit > 0; limit--)
        {
            var granule = at / GranuleBytes;
            var isMarked = later.Any(generation => generation.IsMarked(granule));
            var next = granule + 1;
            while (next * GranuleBytes < end && later.Any(generation => generation.IsMarked(next)) == isMarked)
            {
                next++;
            }

            var to = Math.Min(next * GranuleBytes, end);
            extents.Add(new BlockExtent(at, to - at, isMarked ? (ExtentKind)1 : 0));
            at = to;
        }

        return true;
    }

    /// <summary>Bytes that were written since a checkpoint, in granules.</summary>
    public long ChangedBytes(string name)
    {
        if (!_checkpoints.TryGetValue(name, out var since))
        {
            return 0;
        }

        ChangeGeneration[] later = [.. _generations.Where(pair => pair.Key >= since).Select(pair => pair.Value)];
        var count = 0L;
        for (var granule = 0L; granule < _newest.GranuleCount; granule++)
        {
            count += Array.Exists(later, generation => generation.IsMarked(granule)) ? 1 : 0;
        }

        return Math.Min(count * GranuleBytes, _sizeBytes);
    }

    /// <summary>Ends cleanly: what is there is exact as long as the image keeps <paramref name="fingerprint"/>.</summary>
    /// <exception cref="IOException">The files cannot be written; the next opening counts more as written.</exception>
    public void Settle(string fingerprint)
    {
        _newest.Settle();
        Save(fingerprint);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var generation in _generations.Values)
        {
            generation.Dispose();
        }
    }

    private static string NameOf(long id) => id.ToString(CultureInfo.InvariantCulture) + ".bits";

    private static ChangeIndex Read(string path)
    {
        try
        {
            var index = JsonSerializer.Deserialize(File.ReadAllBytes(path), ChangeIndexJson.Default.ChangeIndex);
            return index is { Version: 1, Generations.Count: > 0 }
                ? index
                : throw new InvalidDataException($"The file '{path}' is of a newer version or empty; remove its folder to begin anew.");
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"The file '{path}' cannot be read: {exception.Message} Remove its folder to begin anew.", exception);
        }
    }

    private string PathOf(long id) => Path.Combine(_folder, NameOf(id));

    // A generation that no checkpoint begins belongs to the one before; without one before, nobody asks for it.
    private void DropUnused()
    {
        var newest = _generations.Keys.Max();
        foreach (var id in _generations.Keys.Where(id => !_checkpoints.ContainsValue(id)).Reverse().ToArray())
        {
            if (id == newest && _generations.Count == 1)
            {
                return;
            }

            var before = _generations.Keys.Where(other => other < id).DefaultIfEmpty(-1).Max();
            if (id == newest)
            {
                // Written on: the one before it is, and nothing is lost when both are kept until the next checkpoint.
                continue;
            }

            if (before >= 0)
            {
                _generations[before].Add(_generations[id]);
            }

            var dropped = _generations[id];
            var rest = new SortedDictionary<long, ChangeGeneration>(_generations);
            rest.Remove(id);
            _generations = rest;
            Save(fingerprint: null);
            CrashPoint.Hit("changes.generation.dropped");
            dropped.Dispose();
            File.Delete(PathOf(id));
        }
    }

    private void Save(string? fingerprint) => AtomicFile.Write(
        Path.Combine(_folder, IndexName),
        JsonSerializer.SerializeToUtf8Bytes(new ChangeIndex(1, GranuleBytes, [.. _generations.Keys], _checkpoints, fingerprint), ChangeIndexJson.Default.ChangeIndex));
}

/// <summary>What <c>changes.json</c> holds.</summary>
/// <param name="Version">1.</param>
/// <param name="GranuleBytes">Bytes that one bit stands for.</param>
/// <param name="Generations">Their ids, rising.</param>
/// <param name="Checkpoints">By name, the generation that begins with it.</param>
/// <param name="Fingerprint">Of the image at the last clean end; null while the disk is open.</param>
internal sealed record ChangeIndex(int Version, int GranuleBytes, IReadOnlyList<long> Generations, Dictionary<string, long> Checkpoints, string? Fingerprint);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ChangeIndex))]
internal sealed partial class ChangeIndexJson : JsonSerializerContext;
