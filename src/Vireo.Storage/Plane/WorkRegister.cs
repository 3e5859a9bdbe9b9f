using Vireo.Disks.Files;

namespace Vireo.Storage.Plane;

/// <summary>The work on images that is under way, so that it can be ended by somebody who did not ask for it.</summary>
internal sealed class WorkRegister
{
    private readonly Lock _change = new();
    private readonly List<Entry> _entries = [];

    /// <summary>Says that work on these images begins; it has ended when the entry is disposed.</summary>
    public Entry Enter(string path, string? otherPath)
    {
        var entry = new Entry(this, path, otherPath);
        lock (_change)
        {
            _entries.Add(entry);
        }

        return entry;
    }

    /// <summary>Cancels the work that has to do with an image, and waits until it has ended.</summary>
    public async Task EndAsync(string path)
    {
        List<Entry> concerned;
        lock (_change)
        {
            concerned = _entries.FindAll(entry => entry.IsAbout(ImageFiles.Key(path)));
        }

        foreach (var entry in concerned)
        {
            await entry.EndAsync().ConfigureAwait(false);
        }
    }

    /// <summary>One piece of work.</summary>
    internal sealed class Entry(WorkRegister register, string path, string? otherPath) : IDisposable
    {
        private readonly string[] _paths = otherPath is null ? [ImageFiles.Key(path)] : [ImageFiles.Key(path), ImageFiles.Key(otherPath)];
        private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);

        // Never disposed: whoever ends the work may come at the moment at which it ends by itself, and there is no timer in it.
        private readonly CancellationTokenSource _end = new();

        /// <summary>Cancelled when somebody wants the work to end.</summary>
        public CancellationToken Ended => _end.Token;

        /// <summary>Whether the work reads or changes the image.</summary>
        public bool IsAbout(string fullPath) => Array.Exists(_paths, one => string.Equals(one, fullPath, StringComparison.Ordinal));

        /// <summary>Cancels it, and waits.</summary>
        public async Task EndAsync()
        {
            await _end.CancelAsync().ConfigureAwait(false);
            await _left.Task.ConfigureAwait(false);
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            lock (register._change)
            {
                register._entries.Remove(this);
            }

            _left.TrySetResult();
        }
    }
}
