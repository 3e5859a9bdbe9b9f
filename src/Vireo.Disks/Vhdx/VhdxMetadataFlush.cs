using Vireo.Disks.Files;
using Vireo.Platform.Testing;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Makes data and block table durable in the order that survives a power cut: data, then a log entry with all changed pages of the
/// table, then the pages in place. A flush without changed pages is one system call; with them it is two, for all blocks together.
/// </summary>
/// <remarks>
/// 1. Take the changed pages as they are. 2. Flush: the data of their blocks, the file's length, and the pages that the flush before
/// wrote in place are durable now. 3. Append the log entry and flush. 4. Write the pages in place; the next flush makes them durable,
/// until then the log stands for them.
/// </remarks>
internal sealed class VhdxMetadataFlush(IImageFile file, VhdxHeaderPair headers, VhdxBlockTable table, Func<Guid> newId)
{
    private readonly Lock _flushing = new();
    private VhdxLogWriter? _log;
    private long _durableVersion;

    /// <summary>Makes everything durable that was written or allocated before the call.</summary>
    public BlockStatus Flush()
    {
        var wanted = table.Version;
        if (Volatile.Read(ref _durableVersion) >= wanted)
        {
            return file.Flush();
        }

        lock (_flushing)
        {
            return FlushLocked(wanted);
        }
    }

    /// <summary>Flushes, and takes the log out of the header: the image is clean.</summary>
    public BlockStatus Close()
    {
        lock (_flushing)
        {
            var status = FlushLocked(table.Version);
            return status == BlockStatus.Ok && _log is not null ? _log.Close() : status;
        }
    }

    private BlockStatus FlushLocked(long wanted)
    {
        do
        {
            var pages = table.TakeMarked(VhdxLogWriter.MaximumPages, out var version, out var isLast);
            var status = Flush(pages);
            if (status != BlockStatus.Ok)
            {
                table.MarkAgain(pages);
                return status;
            }

            if (isLast)
            {
                Volatile.Write(ref _durableVersion, version);
            }
        }
        while (_durableVersion < wanted);
        return BlockStatus.Ok;
    }

    private BlockStatus Flush(List<(long OffsetBytes, byte[] Content)> pages)
    {
        var fileBytes = file.LengthBytes;
        var status = file.Flush();
        if (status != BlockStatus.Ok || pages.Count == 0)
        {
            return status;
        }

        _log ??= new VhdxLogWriter(file, headers, newId());
        status = _log.Append(pages, fileBytes);
        foreach (var (offset, content) in pages)
        {
            status = status == BlockStatus.Ok ? file.Write(offset, content) : status;
            CrashPoint.Hit("vhdx.table.written");
        }

        return status;
    }
}
