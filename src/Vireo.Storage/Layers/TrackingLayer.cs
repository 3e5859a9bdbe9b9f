using System.Runtime.CompilerServices;
using Vireo.Disks;

namespace Vireo.Storage.Layers;

/// <summary>
/// Remembers where a disk was written, for incremental backup. Invariant: no byte reaches what is below before its granule is marked in a
/// <see cref="ChangeGeneration"/>; a write whose mark cannot be written fails.
/// </summary>
/// <remarks>
/// A write to a granule that is marked already takes no lock and allocates nothing; the first one into a region of 64 MB waits for one flush of
/// the file of changes. Trims and zeroes are changes too. What was written while the disk was open without this layer is found by the image's
/// fingerprint, and then everything counts as changed. Memory: 2 MB for each TB and checkpoint.
/// </remarks>
/// <param name="name">Name in the stack.</param>
/// <param name="folder">Where the marks are kept; one folder for each disk.</param>
/// <param name="granuleBytes">Unit of the marks.</param>
/// <param name="bootId">Of the running system.</param>
public sealed class TrackingLayer(string name, string folder, int granuleBytes, string bootId) : LayerBase(name)
{
    private ChangeTracker? _tracker;
    private Func<string> _fingerprint = static () => string.Empty;

    /// <summary>Names of the checkpoints.</summary>
    public IReadOnlyCollection<string> Checkpoints => Tracker.Checkpoints;

    /// <summary>Whether more counts as changed than was.</summary>
    public bool IsConservative => Tracker.WasConservative;

    private ChangeTracker Tracker => _tracker ?? throw new InvalidOperationException($"The layer '{Name}' was not opened.");

    /// <summary>Opens the folder. Once, before the layer is spliced in.</summary>
    /// <param name="sizeBytes">Of the disk.</param>
    /// <param name="fingerprint">Says of the image what is different after any write to it by somebody else.</param>
    /// <exception cref="InvalidDataException">The folder belongs to another disk or is damaged.</exception>
    /// <exception cref="IOException">It cannot be read or written.</exception>
    public void Open(long sizeBytes, Func<string> fingerprint)
    {
        _fingerprint = fingerprint;
        _tracker = ChangeTracker.Open(folder, sizeBytes, granuleBytes, bootId, fingerprint());
    }

    /// <summary>Begins a checkpoint. While no request is inside the stack.</summary>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    /// <exception cref="IOException">The folder cannot be written; nothing has changed.</exception>
    public void AddCheckpoint(string checkpoint) => Tracker.AddCheckpoint(checkpoint);

    /// <summary>Forgets a checkpoint. While no request is inside the stack.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public void RemoveCheckpoint(string checkpoint) => Tracker.RemoveCheckpoint(checkpoint);

    /// <summary>Bytes, in whole granules, that were written since a checkpoint.</summary>
    public long ChangedBytes(string checkpoint) => Tracker.ChangedBytes(checkpoint);

    /// <summary>Appends extents that cover the range from its start: kind 1 where something was written since the checkpoint, 0 elsewhere.</summary>
    public ValueTask<BlockStatus> MapChangesAsync(string checkpoint, long offsetBytes, long lengthBytes, List<BlockExtent> extents) =>
        new(Tracker.TryMap(checkpoint, offsetBytes, lengthBytes, extents) ? BlockStatus.Ok : BlockStatus.IoError);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) =>
        buffers.LengthBytes == 0 || Tracker.Covers(offsetBytes, buffers.LengthBytes)
            ? Below.WriteAsync(offsetBytes, buffers, options)
            : MarkAndWriteAsync(offsetBytes, buffers, options);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) =>
        lengthBytes == 0 || Tracker.Covers(offsetBytes, lengthBytes) ? Below.TrimAsync(offsetBytes, lengthBytes) : MarkAndTrimAsync(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options) =>
        lengthBytes == 0 || Tracker.Covers(offsetBytes, lengthBytes)
            ? Below.WriteZeroesAsync(offsetBytes, lengthBytes, options)
            : MarkAndZeroAsync(offsetBytes, lengthBytes, options);

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        if (_tracker is { } tracker)
        {
            try
            {
                tracker.Settle(_fingerprint());
            }
            catch (IOException)
            {
                // Not settled: the next opening counts more as changed, never less.
                _tracker = null;
            }

            tracker.Dispose();
        }

        await base.DisposeAsync().ConfigureAwait(false);
    }

    private async ValueTask<BlockStatus> MarkAndWriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) =>
        await TryMarkAsync(offsetBytes, buffers.LengthBytes).ConfigureAwait(false) is var status && status != BlockStatus.Ok
            ? status
            : await Below.WriteAsync(offsetBytes, buffers, options).ConfigureAwait(false);

    private async ValueTask<BlockStatus> MarkAndTrimAsync(long offsetBytes, long lengthBytes) =>
        await TryMarkAsync(offsetBytes, lengthBytes).ConfigureAwait(false) is var status && status != BlockStatus.Ok
            ? status
            : await Below.TrimAsync(offsetBytes, lengthBytes).ConfigureAwait(false);

    private async ValueTask<BlockStatus> MarkAndZeroAsync(long offsetBytes, long lengthBytes, WriteOptions options) =>
        await TryMarkAsync(offsetBytes, lengthBytes).ConfigureAwait(false) is var status && status != BlockStatus.Ok
            ? status
            : await Below.WriteZeroesAsync(offsetBytes, lengthBytes, options).ConfigureAwait(false);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> TryMarkAsync(long offsetBytes, long lengthBytes)
    {
        try
        {
            await Tracker.MarkAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
            return BlockStatus.Ok;
        }
        catch (IOException)
        {
            return BlockStatus.IoError;
        }
    }
}
