using Vireo.Disks.Files;

namespace Vireo.Disks.Vhd;

/// <summary>Makes a file durable for several writers at once: those that ask while a flush runs share the next one.</summary>
internal sealed class VhdDurability(IImageFile file) : IDisposable
{
    private readonly SemaphoreSlim _flushing = new(1, 1);
    private long _asked;
    private long _durable;

    /// <summary>Completes when everything that was written before the call is durable.</summary>
    public async Task<BlockStatus> MakeDurableAsync()
    {
        var ticket = Interlocked.Increment(ref _asked);
        await _flushing.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_durable >= ticket)
            {
                return BlockStatus.Ok;
            }

            var upTo = Volatile.Read(ref _asked);
            var status = file.Flush();
            _durable = status == BlockStatus.Ok ? upTo : _durable;
            return status;
        }
        finally
        {
            _flushing.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _flushing.Dispose();
}
