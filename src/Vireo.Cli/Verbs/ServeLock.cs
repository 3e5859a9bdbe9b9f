using System.Globalization;

namespace Vireo.Cli.Verbs;

/// <summary>
/// One <c>vireo serve</c> per host: it holds a lock on <c>serve.lock</c> as long as it lives, however it ends, and writes its process id
/// into <c>serve.pid</c>.
/// </summary>
internal sealed class ServeLock : IDisposable
{
    private readonly FileStream _lock;
    private readonly string _pidPath;

    private ServeLock(FileStream held, string pidPath)
    {
        _lock = held;
        _pidPath = pidPath;
    }

    /// <summary>Takes the lock; null when another process has it.</summary>
    public static ServeLock? TryTake(string runFolder)
    {
        Directory.CreateDirectory(runFolder);
        try
        {
            var held = new FileStream(Path.Combine(runFolder, "serve.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            var pidPath = Path.Combine(runFolder, "serve.pid");
            File.WriteAllText(pidPath, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
            return new ServeLock(held, pidPath);
        }
        catch (IOException) when (IsHeld(runFolder))
        {
            return null;
        }
    }

    /// <summary>Whether a <c>vireo serve</c> is alive.</summary>
    public static bool IsHeld(string runFolder)
    {
        var path = Path.Combine(runFolder, "serve.lock");
        if (!File.Exists(path))
        {
            return false;
        }

        try
        {
            using var probe = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Process id of the living <c>vireo serve</c>, or null.</summary>
    public static int? Owner(string runFolder) =>
        IsHeld(runFolder) && File.Exists(Path.Combine(runFolder, "serve.pid"))
        && int.TryParse(File.ReadAllText(Path.Combine(runFolder, "serve.pid")), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        File.Delete(_pidPath);
        _lock.Dispose();
    }
}
