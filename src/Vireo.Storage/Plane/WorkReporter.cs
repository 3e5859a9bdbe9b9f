using System.Text.Json;
using Vireo.Control.Storage;
using Vireo.Disks;

namespace Vireo.Storage.Plane;

/// <summary>
/// Writes the records of long work to its client, one line of JSON each: progress whenever a percent more is done, and at last how it ended. A
/// client that reads slowly misses progress and holds nothing up.
/// </summary>
/// <param name="client">The answer.</param>
/// <param name="gone">Cancelled when the client turns out to be gone.</param>
internal sealed class WorkReporter(Stream client, CancellationTokenSource gone) : IProgress<CopyProgress>, IDisposable
{
    private readonly SemaphoreSlim _writing = new(1, 1);
    private long _percent = -1;

    /// <inheritdoc/>
    public void Report(CopyProgress value)
    {
        var percent = value.TotalBytes == 0 ? 100 : (long)(100.0 * value.DoneBytes / value.TotalBytes);
        if (Interlocked.Exchange(ref _percent, percent) == percent || !_writing.Wait(0))
        {
            return;
        }

        _ = WriteAsync(new ImageWorkRecord(Progress: new ImageProgress(value.DoneBytes, value.TotalBytes)), CancellationToken.None);
    }

    /// <summary>Writes the last record, behind all others.</summary>
    public async Task EndAsync(ImageWorkRecord record, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        await WriteAsync(record, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _writing.Dispose();

    private async Task WriteAsync(ImageWorkRecord record, CancellationToken cancellationToken)
    {
        try
        {
            byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(record, StorageJson.Default.ImageWorkRecord), (byte)'\n'];
            await client.WriteAsync(line, cancellationToken).ConfigureAwait(false);
            await client.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client went away, which cancels the work; there is nobody to tell.
            await gone.CancelAsync().ConfigureAwait(false);
        }
        finally
        {
            _writing.Release();
        }
    }
}
