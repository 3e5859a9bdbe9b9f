using Vireo.Disks.Files;
using Vireo.Platform.Testing;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Keeps the block table and the sector bitmaps safe in three ways at once. A change is in the log, in the system's memory, before a
/// request that needs it completes: a killed process loses nothing that completed. A flush makes log and data durable with one system
/// call: a power cut loses nothing that was flushed. Pages are written in place only after their log entries are durable: a power cut at
/// any write leaves a structure that is whole, or a log that makes it so.
/// </summary>
/// <remarks>
/// Writing in place happens behind a flush and never holds it up for the disk: the pages are durable with the next flush, and until
/// then the log stands for them. When changes come without flushes, room is made in the background as soon as the log is half full; only
/// a change that finds it full waits. The gate orders changes; it is held while an entry is written, not while the disk flushes, except
/// to make room.
/// </remarks>
/// <param name="file">The image.</param>
/// <param name="headers">Say whether the log counts.</param>
/// <param name="store">Pages that are changed.</param>
/// <param name="newId">Source of fresh ids.</param>
/// <param name="background">Runs work later, somewhere else.</param>
internal sealed class VhdxMetadataLog(IImageFile file, VhdxHeaderPair headers, VhdxPageStore store, Func<Guid> newId, Action<Action> background)
{
    private readonly object _gate = new();
    private readonly VhdxChange _change = new();
    private readonly List<VhdxPageCopy> _copies = [];
    private VhdxLogWriter? _log;
    private bool _isCheckpointing;
    private bool _isMakingRoom;
    private long _durableFileBytes;
    private long _endBytes;
    private long _placed;
    private long _retired;

    /// <summary>Whether anything may have changed since the file was opened.</summary>
    public bool IsStarted
    {
        get
        {
            lock (_gate)
            {
                return _log is not null;
            }
        }
    }

    /// <summary>
    /// Makes the header say that the file is being written: new ids, and a log that counts. Called once, before the first change.
    /// [MS-VHDX] 2.2.2: FileWriteGuid and DataWriteGuid change before the first write of a session.
    /// </summary>
    /// <param name="repeatedPage">Place of a page that the first entry repeats as it is.</param>
    /// <param name="endBytes">Where the last structure or block ends.</param>
    public BlockStatus Start(long repeatedPage, long endBytes)
    {
        lock (_gate)
        {
            // The first entry must be there before a header names its log, because a log that is named and empty means a damaged file.
            var log = new VhdxLogWriter(file, headers.Current, newId());
            var fileBytes = file.LengthBytes;
            var status = file.Flush();
            status = status == BlockStatus.Ok ? StagePage(repeatedPage) : status;
            status = status == BlockStatus.Ok ? log.Append(_change, fileBytes, fileBytes) : status;
            _change.Clear();
            status = status == BlockStatus.Ok
                ? headers.Update(header => header with
                {
                    FileWriteId = newId(),
                    DataWriteId = newId(),
                    LogId = log.LogId,
                    LogVersion = 0,
                    LogLengthBytes = (uint)log.LengthBytes,
                })
                : status;
            if (status == BlockStatus.Ok)
            {
                _durableFileBytes = fileBytes;
                _endBytes = endBytes;
                _repeatedPage = repeatedPage;
                _log = log;
            }

            return status;
        }
    }

    private long _repeatedPage;

    /// <summary>
    /// Runs <paramref name="change"/> alone among changes, with room in the log for an entry of <paramref name="pages"/> pages. The change
    /// stages what it does and logs it with <see cref="Commit"/>.
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
            status = status == BlockStatus.Ok ? change(ref state, _change) : status;
            _change.Clear();
            if (!_isMakingRoom && _log.IsHalfFull)
            {
                _isMakingRoom = true;
                background(MakeRoomBehind);
            }

            return status;
        }
    }

    /// <summary>Logs what was staged and lets everybody see it; only inside <see cref="Change"/>.</summary>
    /// <param name="endBytes">Where the last structure or block ends with the change.</param>
    public BlockStatus Commit(long endBytes)
    {
        Platform.Invariant.Check(Monitor.IsEntered(_gate));
        _endBytes = Math.Max(_endBytes, endBytes);
        var status = _change.Count == 0 ? BlockStatus.Ok : _log!.Append(_change, _durableFileBytes, _endBytes);
        if (status == BlockStatus.Ok)
        {
            _change.Publish(store);
        }

        return status;
    }

    /// <summary>Makes everything durable that completed before the call.</summary>
    public BlockStatus Flush()
    {
        List<VhdxPageCopy>? copies = null;
        long appended;
        long newestTail;
        long fileBytes;
        lock (_gate)
        {
            // With nothing to write in place, or somebody at it, a flush is a flush.
            if (_log is null || _isCheckpointing || (_placed == _log.Appended && _retired == _placed))
            {
                appended = newestTail = fileBytes = -1;
            }
            else
            {
                _isCheckpointing = true;
                copies = _copies;
                store.CopyUnplaced(copies);
                appended = _log.Appended;
                newestTail = _log.NewestTail;
                fileBytes = Math.Min(file.LengthBytes, _endBytes);
            }
        }

        var status = file.Flush();
        if (copies is null)
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

            status = WriteInPlace(copies);
        }

        lock (_gate)
        {
            store.Placed(copies, status == BlockStatus.Ok);
            if (status == BlockStatus.Ok)
            {
                _placed = appended;
            }

            _isCheckpointing = false;
            Monitor.PulseAll(_gate);
        }

        return status;
    }

    /// <summary>Makes everything durable in place and takes the log out of the header: the image is clean. Nobody else is inside.</summary>
    public BlockStatus Close()
    {
        lock (_gate)
        {
            while (_isMakingRoom)
            {
                Monitor.Wait(_gate);
            }

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

    private BlockStatus StagePage(long offsetBytes)
    {
        VhdxPage? slot = null;
        var status = store.Load(offsetBytes, ref slot, check: null, toChange: false, out var page);
        if (status == BlockStatus.Ok)
        {
            _change.Stage(page!);
        }

        return status;
    }

    // Three flushes: for the entries, for the pages in place, and for an entry that says so.
    private void MakeRoomBehind()
    {
        var status = Flush();
        status = status == BlockStatus.Ok ? Flush() : status;
        lock (_gate)
        {
            // A failure is the business of the requests that meet it: they find the log full and try themselves. The room that is kept for
            // their mark is not taken: another flush may have been at work all the time, and then this mark names the old tail.
            if (status == BlockStatus.Ok && _log is not null && !_isCheckpointing && _log.HasRoom(1))
            {
                status = AppendMark();
            }
        }

        _ = status == BlockStatus.Ok ? Flush() : status;
        lock (_gate)
        {
            _isMakingRoom = false;
            Monitor.PulseAll(_gate);
        }
    }

    // The log is full of entries that no flush has retired.
    private BlockStatus MakeRoom()
    {
        var status = PlaceAll();

        // An entry that names the new tail; room for it is always kept. When an earlier attempt failed behind it, it is there already, and
        // nothing was logged since.
        if (status == BlockStatus.Ok && _log!.HasRoomForMark)
        {
            status = AppendMark();
        }

        status = status == BlockStatus.Ok ? file.Flush() : status;
        if (status == BlockStatus.Ok)
        {
            _log!.Release(_log.NewestTail);
            Platform.Invariant.Check(_log.HasRoom(VhdxLogWriter.MaximumPages));
        }

        CrashPoint.Hit("vhdx.log.emptied");
        return status;
    }

    // An entry that changes nothing and names the newest tail.
    private BlockStatus AppendMark()
    {
        var status = StagePage(_repeatedPage);
        status = status == BlockStatus.Ok ? _log!.Append(_change, _durableFileBytes, _endBytes) : status;
        _change.Clear();
        return status;
    }

    private BlockStatus PlaceAll()
    {
        while (_isCheckpointing)
        {
            Monitor.Wait(_gate);
        }

        var copies = _copies;
        store.CopyUnplaced(copies);
        var status = file.Flush();
        status = status == BlockStatus.Ok ? WriteInPlace(copies) : status;
        status = status == BlockStatus.Ok ? file.Flush() : status;
        store.Placed(copies, status == BlockStatus.Ok);
        if (status != BlockStatus.Ok)
        {
            return status;
        }

        _durableFileBytes = Math.Min(file.LengthBytes, _endBytes);
        _placed = _log!.Appended;
        _retired = _placed;
        _log.Retire(_placed);
        return BlockStatus.Ok;
    }

    private BlockStatus WriteInPlace(List<VhdxPageCopy> copies)
    {
        foreach (var copy in copies)
        {
            var status = file.Write(copy.OffsetBytes, copy.Bytes);
            CrashPoint.Hit("vhdx.table.written");
            if (status != BlockStatus.Ok)
            {
                return status;
            }
        }

        return BlockStatus.Ok;
    }
}

/// <summary>A change of structures, run by the log; a static function with its state beside it, so that running it allocates nothing.</summary>
internal delegate BlockStatus ChangeFunction<TState>(ref TState state, VhdxChange change);
