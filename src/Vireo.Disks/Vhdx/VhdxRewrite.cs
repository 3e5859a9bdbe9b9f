using Vireo.Disks.Files;
using Vireo.Platform.Testing;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Changes structures of a clean file that nobody writes to, all of them or none: what a power cut leaves is the file before or after.
/// New content goes to space that nothing refers to; the pages that refer to it are changed together, through the log.
/// </summary>
/// <param name="file">The image.</param>
/// <param name="headers">Say whether the log counts.</param>
/// <param name="newId">Source of fresh ids.</param>
internal sealed class VhdxRewrite(IImageFile file, VhdxHeaderPair headers, Func<Guid> newId)
{
    private readonly SortedDictionary<long, VhdxPage> _pages = [];

    /// <summary>Pages that one commit can change.</summary>
    public const int MaximumPages = VhdxLogWriter.MaximumPages;

    /// <summary>Pages that are to be changed.</summary>
    public int Count => _pages.Count;

    /// <summary>The file.</summary>
    public IImageFile File => file;

    /// <summary>Writes where nothing refers to.</summary>
    /// <exception cref="ImageException">The storage failed.</exception>
    public void WriteUnused(long offsetBytes, ReadOnlySpan<byte> content) => Require(file.Write(offsetBytes, content), "write");

    /// <summary>Reads as the file will be after the commit.</summary>
    /// <exception cref="ImageException">The storage failed.</exception>
    public void Read(long offsetBytes, Span<byte> target)
    {
        Require(file.Read(offsetBytes, target), "read");
        if (_pages.Count == 0)
        {
            return;
        }

        for (var page = offsetBytes / VhdxPage.LengthBytes * VhdxPage.LengthBytes; page < offsetBytes + target.Length; page += VhdxPage.LengthBytes)
        {
            if (_pages.TryGetValue(page, out var changed))
            {
                var from = Math.Max(page, offsetBytes);
                var to = Math.Min(page + VhdxPage.LengthBytes, offsetBytes + target.Length);
                changed.Bytes[(int)(from - page)..(int)(to - page)].CopyTo(target[(int)(from - offsetBytes)..]);
            }
        }
    }

    /// <summary>Changes bytes of structures with the next commit.</summary>
    /// <exception cref="ImageException">The storage failed.</exception>
    public void Change(long offsetBytes, ReadOnlySpan<byte> content)
    {
        while (!content.IsEmpty)
        {
            var position = (int)(offsetBytes % VhdxPage.LengthBytes);
            var count = Math.Min(VhdxPage.LengthBytes - position, content.Length);
            if (!_pages.TryGetValue(offsetBytes - position, out var page))
            {
                page = new VhdxPage(offsetBytes - position);
                Require(file.Read(page.OffsetBytes, page.Bytes), "read");
            }

            // A page that stays as it is costs no place in the log.
            if (!content[..count].SequenceEqual(page.Bytes.Slice(position, count)))
            {
                content[..count].CopyTo(page.Bytes[position..]);
                _pages[page.OffsetBytes] = page;
            }

            offsetBytes += count;
            content = content[count..];
        }
    }

    /// <summary>Changes the region table, both copies of it, with the next commit.</summary>
    public void ChangeRegions(IEnumerable<VhdxRegion> regions)
    {
        var table = new byte[VhdxRegionTable.LengthBytes];
        VhdxRegionTable.Write(table, regions.ToArray());
        Change(VhdxLimits.FirstRegionTableOffset, table);
        Change(VhdxLimits.SecondRegionTableOffset, table);
    }

    /// <summary>Makes all changes, durably.</summary>
    /// <param name="changesContent">Whether what the guest sees changes: a child will not recognise the image any more.</param>
    /// <exception cref="ImageException">The storage failed; the file is as before, or will be as after when its log is replayed.</exception>
    public void Commit(bool changesContent)
    {
        if (_pages.Count == 0)
        {
            Require(file.Flush(), "write");
            return;
        }

        var change = new VhdxChange();
        foreach (var page in _pages.Values)
        {
            change.Stage(page);
        }

        // The entry is whole before the header says that there is a log; from then on it counts.
        var log = new VhdxLogWriter(file, headers.Current, newId());
        Require(file.Flush(), "write");
        Require(log.Append(change, file.LengthBytes, file.LengthBytes), "write");
        Require(
            headers.Update(header => header with
            {
                FileWriteId = newId(),
                DataWriteId = changesContent ? newId() : header.DataWriteId,
                LogId = log.LogId,
                LogVersion = 0,
                LogLengthBytes = (uint)log.LengthBytes,
            }),
            "write");
        CrashPoint.Hit("vhdx.rewrite.logged");
        foreach (var page in _pages.Values)
        {
            Require(file.Write(page.OffsetBytes, page.Bytes), "write");
        }

        Require(headers.Update(header => header with { LogId = Guid.Empty }), "write");
        _pages.Clear();
    }

    /// <summary>Throws unless a call on the file went well.</summary>
    public void Require(BlockStatus status, string operation)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(file.Path, operation, status);
        }
    }
}
