using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks.Files;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Storage.Plane;

/// <summary>
/// Makes images for hosts that may die, and whose answer may be lost with this plane. A request that names its operation may be repeated: what
/// was made for it is not made again, also when the plane was killed before it could say so. An image whose asker went away before it
/// was there is not kept.
/// </summary>
/// <param name="logPath">File that remembers operations.</param>
/// <param name="make">Makes an image, complete or not at all.</param>
internal sealed class ImageCreations(string logPath, Action<CreateImage> make)
{
    // A host repeats a request within seconds; hundreds of others cannot come in between.
    private const int Remembered = 256;

    private readonly Lock _changing = new();
    private readonly ConcurrentDictionary<Guid, SemaphoreSlim> _running = new();
    private CreationLog? _log;

    /// <summary>Makes an image once.</summary>
    /// <param name="request">The image.</param>
    /// <param name="asker">Cancelled when whoever asked is gone.</param>
    /// <exception cref="ControlException">A parameter is wrong, the file exists, there is no space.</exception>
    public async Task CreateAsync(CreateImage request, CancellationToken asker)
    {
        if (request.Operation is not { } operation)
        {
            Make(request, asker);
            return;
        }

        // A second request of one operation waits for the first.
        var gate = _running.GetOrAdd(operation, _ => new SemaphoreSlim(1));
        await gate.WaitAsync(asker).ConfigureAwait(false);
        try
        {
            if (WasMade(operation, request.Path))
            {
                return;
            }

            if (ImageFiles.Exists(request.Path))
            {
                // Somebody else's: the operation must not come to own it.
                Make(request, asker);
                return;
            }

            Remember(operation, request.Path);
            try
            {
                Make(request, asker);
            }
            catch
            {
                Forget(operation);
                throw;
            }

            CrashPoint.Hit("storage.image.made");
        }
        finally
        {
            gate.Release();
            _running.TryRemove(operation, out _);
        }
    }

    private void Make(CreateImage request, CancellationToken asker)
    {
        make(request);
        if (asker.IsCancellationRequested)
        {
            ImageFiles.Delete(request.Path);
            asker.ThrowIfCancellationRequested();
        }
    }

    // The operation was written down when nothing had the name, and an image appears whole: what is there is its image.
    private bool WasMade(Guid operation, string path)
    {
        lock (_changing)
        {
            return Log().Operations.Any(known => known.Id == operation && known.Path == path) && ImageFiles.Exists(path);
        }
    }

    private void Remember(Guid operation, string path) =>
        Change(operations => [.. operations.Where(known => known.Id != operation).TakeLast(Remembered - 1), new CreationRecord(operation, path)]);

    private void Forget(Guid operation) => Change(operations => [.. operations.Where(known => known.Id != operation)]);

    private void Change(Func<IReadOnlyList<CreationRecord>, IReadOnlyList<CreationRecord>> change)
    {
        lock (_changing)
        {
            var next = new CreationLog(CreationLog.CurrentVersion, change(Log().Operations));
            AtomicFile.Write(logPath, JsonSerializer.SerializeToUtf8Bytes(next, CreationLogJson.Default.CreationLog));
            _log = next;
        }
    }

    private CreationLog Log() => _log ??= CreationLog.Load(logPath);
}

/// <summary>An image that is being made, or was.</summary>
internal sealed record CreationRecord(Guid Id, string Path);

/// <summary>What is remembered of operations, the oldest first.</summary>
internal sealed record CreationLog(int Version, IReadOnlyList<CreationRecord> Operations)
{
    public const int CurrentVersion = 1;

    /// <summary>Reads the file. One that is damaged or of another version remembers nothing: a repeated request then finds that its file exists.</summary>
    public static CreationLog Load(string path)
    {
        try
        {
            var log = File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), CreationLogJson.Default.CreationLog) : null;
            return log?.Version == CurrentVersion ? log : new(CurrentVersion, []);
        }
        catch (JsonException)
        {
            return new(CurrentVersion, []);
        }
    }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(CreationLog))]
internal sealed partial class CreationLogJson : JsonSerializerContext;
