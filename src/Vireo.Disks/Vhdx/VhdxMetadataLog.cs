using Vireo.Disks.Files;
using Vireo.Platform.Testing;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Keeps the block table safe in three ways at once. A change is in the log, in the system's memory, before a request that needs it
/// completes: a killed process loses nothing that completed. A flush makes log and data durable with one system call: a power cut loses
/// nothing that was flushed. Pages of the table are written in place only after their log entries are durable: a power cut at any
/// write leaves a table that is whole, or a log that makes it so.
/// </summary>
/// <remarks>
/// Writing in place happens behind a flush and never holds it up for the disk: the pages are durable with the next flush, and until
/// then the log stands for them. When changes come without flushes until the log is full, the one that finds it full makes room.
/// The gate orders changes; it is held while an entry is written, not while the disk flushes, except to make room.
/// </remarks>
internal sealed class VhdxMetadataLog(IImageFile file, VhdxHeaderPair headers, VhdxBlockTable table, Func<Guid> newId)
{
    private readonly object _gate = new();
    private VhdxLogWriter? _log;
    private bool _isCheckpointing;
    private long _durableFileBytes;
    private long _placed;
    private long _retired;

    /// <summary>
    /// Makes the header say that the file is being written: new ids, and a log that counts. Called once, before the first change.
    /// [MS-VHDX] 2.2.2: FileWriteGuid and DataWriteGuid change before the first write of a session.
    /// </summary>
    public BlockStatus Start()
    {
        lock (_gate)
        {
            // The first entry repeats a page as it is. It must be there before a header names its log, because a log that is named and
            // empty means a damaged file.
            var log = new VhdxLogWriter(file, headers.Current, newId());
            var fileBytes = file.LengthBytes;
            var status = file.Flush();
            status = status == BlockStatus.Ok ? log.Append([table.Encode(0)], fileBytes, fileBytes) : status;
            status = status == BlockStatus.Ok
                ? headers.Update(header => header with { FileWriteId = newId(), DataWriteId = newId(), LogId = log.LogId })
                : status;
            if (status == BlockStatus.Ok)
            {
                _durableFileBytes = fileBytes;
                _log = log;
            }

            return status;
        }
    }

    /// <summary>
    /// Runs <paramref name="change"/> alone among changes, with room in the log for an entry of <paramref name="pages"/> pages. The change
    /// logs what it does with <see cref="Append(List{ValueTuple{long, byte[]}})"/>.
    /// </summary>
    public BlockStatus Change<TState>(int pages, ref TState state, ChangeFunction<TState> change)
    {
        lock (_gate)
        {
            while (_isCheckpointing && !_log!.HasRoom(pages))
            {
                Monitor.Wait(_gate);
            }

            var status = _log!.HasRoom(pages) ? BlockStatus.Ok : MakeRoom();
            return status == BlockStatus.Ok ? change(ref state) : status;
        }
    }

    /// <summary>Logs pages; only inside <see cref="Change"/>.</summary>
    public BlockStatus Append(List<(long OffsetBytes, byte[] Content)> pages)
    {
        Platform.Invariant.Check(Monitor.IsEntered(_gate));
        return _log!.Append(pages, _durableFileBytes, file.LengthBytes);
    }

    /// <summary>Makes everything durable that completed before the call.</summary>
    public BlockStatus Flush()
    {
        List<(long OffsetBytes, byte[] Content)> pages;
        long appended;
        long newestTail;
        long fileBytes;
        lock (_gate)
        {
            // With nothing to write in place, or somebody at it, a flush is a flush.
            if (_log is null || _isCheckpointing || (_placed == _log.Appended && _retired == _placed))
            {
                pages = [];
                appended = newestTail = fileBytes = -1;
            }
            else
            {
                _isCheckpointing = true;
                pages = table.TakeUnplaced();
                appended = _log.Appended;
                newestTail = _log.NewestTail;
                fileBytes = file.LengthBytes;
            }
        }

        var status = file.Flush();
        if (appended < 0)
        {
            return status;
        }

        if (status == BlockStatus.Ok)
        {
            lock (_gate)
            {
                // This flush covered the pages that the one before wrote in place.
                _retired = _placed;
                _log!.Retire(_placed);
                _log.Release(newestTail);
                _durableFileBytes = fileBytes;
            }

            status = WriteInPlace(pages);
        }

        lock (_gate)
        {
            if (status == BlockStatus.Ok)
            {
                _placed = appended;
            }
            else
            {
                table.MarkUnplaced(pages);
            }

            _isCheckpointing = false;
            Monitor.PulseAll(_gate);
        }

        return status;
    }

    /// <summary>Makes everything durable in place and takes the log out of the header: the image is clean.</summary>
    public BlockStatus Close()
    {
        lock (_gate)
        {
            if (_log is null)
            {
                return BlockStatus.Ok;
            }

            var status = PlaceAll();
            status = status == BlockStatus.Ok ? headers.Update(header => header with { LogId = Guid.Empty }) : status;
            _log = status == BlockStatus.Ok ? null : _log;
            return status;
        }
    }

    // The log is full of entries that no flush has retired.
    private BlockStatus MakeRoom()
    {
        var status = PlaceAll();

        // An entry that names the new tail; room for it is always kept. When an earlier attempt failed behind it, it is there already.
        if (status == BlockStatus.Ok && _log!.HasRoomForMark)
        {
            status = _log.Append([table.Encode(0)], _durableFileBytes, file.LengthBytes);
        }

        status = status == BlockStatus.Ok ? file.Flush() : status;
        if (status == BlockStatus.Ok)
        {
            _log!.Release(_log.NewestTail);
        }

        CrashPoint.Hit("vhdx.log.emptied");
        return status;
    }

    private BlockStatus PlaceAll()
    {
        var pages = table.TakeUnplaced();
        var status = file.Flush();
        status = status == BlockStatus.Ok ? WriteInPlace(pages) : status;
        status = status == BlockStatus.Ok ? file.Flush() : status;
        if (status != BlockStatus.Ok)
        {
            table.MarkUnplaced(pages);
            return status;
        }

        _durableFileBytes = file.LengthBytes;
        _placed = _log!.Appended;
        _retired = _placed;
        _log.Retire(_placed);
        return BlockStatus.Ok;
    }

    private BlockStatus WriteInPlace(List<(long OffsetBytes, byte[] Content)> pages)
    {
        foreach (var (offset, content) in pages)
        {
            var status = file.Write(offset, content);
            CrashPoint.Hit("vhdx.table.written");
            if (status != BlockStatus.Ok)
            {
                return status;
            }
        }

        return BlockStatus.Ok;
    }
}

/// <summary>A change of the block table, run by the log; a static function with its state beside it, so that running it allocates nothing.</summary>
internal delegate BlockStatus ChangeFunction<TState>(ref TState state);
