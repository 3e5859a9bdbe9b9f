using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Vireo.Disks.Operations;
using Vireo.Platform;
using Vireo.Platform.Events;
using Vireo.Platform.Files;
using Vireo.Platform.Memory;

namespace Vireo.Disks.Files;

/// <summary>
/// An image file of the operating system: scatter/gather calls straight to and from the caller's memory. On a reactor's thread no read or
/// write of data waits for a disk: what the page cache holds is read at once, everything else goes through the reactor's
/// <see cref="Platform.Files.Queues.FileQueue"/>. On other threads, and for files that are in memory anyway, it is a plain call.
/// </summary>
public sealed class SystemImageFile : INewImageFile, IStorageCopy
{
    private const int ZeroBufferBytes = 1 << 20;
    private const long SharedUnitBytes = 4096;
    private const int ShortWriteBytes = 64 << 10;
    private readonly NativeFile _file;
    private long _lengthBytes;
    private string? _temporary;
    private DirectFile? _direct;
    private bool _canShare = true;
    private bool _canTryRead = true;
    private bool _canTryWrite = true;
    private DataRun? _lastData;
    private readonly ShortWait _shortWait = new();

    private SystemImageFile(NativeFile file, bool isReadOnly, long lengthBytes)
    {
        _file = file;
        MayWait = !file.IsInMemory();
        DeviceSectorBytes = file.GetDeviceSectorBytes();
        IsReadOnly = isReadOnly;
        _lengthBytes = lengthBytes;
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <inheritdoc/>
    public bool MayWait { get; }

    /// <inheritdoc/>
    public int DeviceSectorBytes { get; }

    /// <inheritdoc/>
    public long LengthBytes => Volatile.Read(ref _lengthBytes);

    /// <summary>
    /// Opens <paramref name="path"/> and takes the lock that keeps others from harm (see <see cref="ImageLock"/>). A block device that is written to is
    /// claimed as well: the kernel then neither mounts it or a part of it, nor lets it be paged to, and refuses the claim while it does.
    /// </summary>
    /// <param name="path">File or block device.</param>
    /// <param name="readOnly">Shared lock, no writing.</param>
    /// <param name="takeLock">False only to look at an image that may be in use.</param>
    /// <exception cref="ImageException">Not there, not allowed, in use.</exception>
    public static SystemImageFile Open(string path, bool readOnly, bool takeLock = true)
    {
        var file = NativeFile.TryOpen(path, writable: !readOnly, out var error) ?? throw Refused(path, error);
        try
        {
            if (takeLock && !readOnly && file.GetDeviceSectorBytes() != 0)
            {
                file.Dispose();
                file = NativeFile.TryOpenUnused(path, writable: true, out error) ?? throw Refused(path, error);
            }

            var length = file.GetLength();
            if (length < 0 || Directory.Exists(path))
            {
                throw Refused(path, length < 0 ? (int)-length : Errno.IsFolder);
            }

            if (takeLock)
            {
                ImageLock.Take(file, exclusive: !readOnly);
                if (!file.HasName())
                {
                    // Whoever had the lock before has removed the file: what is written into it now would be lost.
                    throw Refused(path, Errno.NoEntry);
                }
            }

            return new SystemImageFile(file, readOnly, length);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Makes a new, empty file for <paramref name="path"/> without its name, locked for its maker. Until <see cref="Publish"/> a process
    /// that ends leaves nothing; only where the file system has no unnamed files a temporary name is used, and removed by disposal.
    /// </summary>
    /// <exception cref="ImageException">The system refused.</exception>
    public static SystemImageFile CreateUnpublished(string path)
    {
        var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
        string? temporary = null;
        var file = NativeFile.TryCreateUnnamed(folder, path, out var error);
        if (file is null)
        {
            temporary = System.IO.Path.Combine(folder, $".{System.IO.Path.GetFileName(path)}.{RandomNumberGenerator.GetHexString(8)}.new");
            file = NativeFile.TryCreate(temporary, out error) ?? throw Refused(path, error);
        }

        try
        {
            ImageLock.Take(file, exclusive: true);
            return new SystemImageFile(file, isReadOnly: false, 0) { _temporary = temporary };
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Gives a file from <see cref="CreateUnpublished"/> its name, durably and never over a file that is there.</summary>
    /// <exception cref="ImageException">The name is taken, or the system refused.</exception>
    public void Publish(string path)
    {
        try
        {
            if (_temporary is null)
            {
                var error = _file.TryGiveName(path);
                if (error != 0)
                {
                    throw Refused(path, error);
                }
            }
            else
            {
                File.Move(_temporary, path, overwrite: false);
                _temporary = null;
            }

            AtomicFile.SyncFolder(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!);
        }
        catch (IOException exception)
        {
            throw new ImageException(
                System.IO.Path.Exists(path) ? ImageErrorKind.AlreadyExists : ImageErrorKind.IoError,
                path,
                $"The image '{path}' could not be put in place: {exception.Message}",
                exception);
        }
    }

    /// <summary>
    /// Moves data past the page cache from now on, where the file system can; structures are still cached. Not for a format that keeps both
    /// in one page of the file. Before the first request.
    /// </summary>
    /// <returns>Whether it can.</returns>
    public bool TryGoDirect()
    {
        _direct ??= MayWait ? DirectFile.TryOpen(_file, writable: !IsReadOnly) : null;
        return _direct is not null;
    }

    /// <inheritdoc/>
    public BlockStatus Read(long offsetBytes, Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            var result = _file.Read(offsetBytes, target);
            if (result < 0)
            {
                return Translate(result);
            }

            if (result == 0)
            {
                target.Clear();
                return IsCutShort(offsetBytes) ? BlockStatus.IoError : BlockStatus.Ok;
            }

            offsetBytes += result;
            target = target[(int)result..];
        }

        return BlockStatus.Ok;
    }

    /// <inheritdoc/>
    public BlockStatus Write(long offsetBytes, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            var result = _file.Write(offsetBytes, source);
            if (result <= 0)
            {
                return result == 0 ? BlockStatus.IoError : Translate(result);
            }

            offsetBytes += result;
            source = source[(int)result..];
        }

        Extend(offsetBytes);
        return BlockStatus.Ok;
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes)
    {
        // The end of the file need not be aligned, so what goes beyond it is read as usual.
        if (_direct is not null && DirectFile.Takes(offsetBytes, lengthBytes) && offsetBytes + lengthBytes <= LengthBytes)
        {
            return FinishReadAsync(_direct.MoveAsync(isWrite: false, offsetBytes, buffers, start, lengthBytes), offsetBytes, buffers, start, lengthBytes);
        }

        if (!MayWait || Reactor.Current is not { } reactor)
        {
            return new(ReadAll(offsetBytes, buffers.Segments, start, lengthBytes));
        }

        if (_canTryRead)
        {
            var result = _file.TryRead(offsetBytes, buffers.Segments, start, lengthBytes);
            if (result == lengthBytes)
            {
                return new(BlockStatus.Ok);
            }

            _canTryRead = result != -Errno.NotSupported;
            if (result > 0)
            {
                offsetBytes += result;
                start += (int)result;
                lengthBytes -= (int)result;
            }
        }

        return FinishReadAsync(reactor.Files.ReadAsync(_file, offsetBytes, buffers.Segments, start, lengthBytes), offsetBytes, buffers, start, lengthBytes);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes)
    {
        if (_direct is not null && DirectFile.Takes(offsetBytes, lengthBytes))
        {
            return FinishWriteAsync(_direct.MoveAsync(isWrite: true, offsetBytes, buffers, start, lengthBytes), lengthBytes, offsetBytes + lengthBytes);
        }

        if (!MayWait || Reactor.Current is not { } reactor)
        {
            return new(WriteAll(offsetBytes, buffers.Segments, start, lengthBytes));
        }

        var endBytes = offsetBytes + lengthBytes;
        if (_canTryWrite)
        {
            var result = _file.TryWrite(offsetBytes, buffers.Segments, start, lengthBytes);
            if (result == lengthBytes)
            {
                Extend(endBytes);
                return new(BlockStatus.Ok);
            }

            _canTryWrite = result != -Errno.NotSupported;
            if (result > 0)
            {
                offsetBytes += result;
                start += (int)result;
                lengthBytes -= (int)result;
            }
        }

        var files = reactor.Files;
        if (lengthBytes <= ShortWriteBytes && Stopwatch.GetTimestamp() is var begin && _shortWait.MayTry(files.Turn, begin))
        {
            var status = WriteAll(offsetBytes, buffers.Segments, start, lengthBytes);
            _shortWait.Took(begin, Stopwatch.GetTimestamp());
            return new(status);
        }

        return FinishWriteAsync(files.WriteAsync(_file, offsetBytes, buffers.Segments, start, lengthBytes), lengthBytes, endBytes);
    }

    /// <inheritdoc/>
    public BlockStatus Flush() => Translate(_file.Flush());

    /// <inheritdoc/>
    public BlockStatus SetLength(long lengthBytes)
    {
        var status = Translate(_file.SetLength(lengthBytes));
        Volatile.Write(ref _lastData, null);
        if (status == BlockStatus.Ok)
        {
            Volatile.Write(ref _lengthBytes, lengthBytes);
        }

        return status;
    }

    /// <inheritdoc/>
    public BlockStatus Reserve(long offsetBytes, long lengthBytes)
    {
        // The system would fill the disk before it finds that there is too little, and starve everybody else meanwhile.
        if (lengthBytes > new DriveInfo(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!).AvailableFreeSpace)
        {
            return BlockStatus.NoSpace;
        }

        var result = _file.Reserve(offsetBytes, lengthBytes);
        if (IsMissing(result))
        {
            // The file system cannot reserve: zeros that are really written are the same promise.
            return WriteZeros(offsetBytes, lengthBytes);
        }

        if (result == 0)
        {
            Extend(offsetBytes + lengthBytes);
        }

        return Translate(result);
    }

    /// <inheritdoc/>
    public BlockStatus Discard(long offsetBytes, long lengthBytes)
    {
        var result = _file.Punch(offsetBytes, lengthBytes);
        Volatile.Write(ref _lastData, null);
        return IsMissing(result) ? Zero(offsetBytes, lengthBytes) : Translate(result);
    }

    /// <inheritdoc/>
    public BlockStatus Zero(long offsetBytes, long lengthBytes)
    {
        var result = _file.Zero(offsetBytes, lengthBytes);
        Volatile.Write(ref _lastData, null);
        return IsMissing(result) ? WriteZeros(offsetBytes, lengthBytes) : Translate(result);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// File systems in memory look at each page of a run to find its end. Of the data found last the end is remembered, so that whoever goes through a
    /// file piece by piece does not pay for all of the rest with each; that they have become a hole meanwhile does no harm.
    /// </remarks>
    public long MeasureRun(long offsetBytes, long lengthBytes, out bool isHole)
    {
        if (Volatile.Read(ref _lastData) is { } data && offsetBytes >= data.Start && offsetBytes < data.End)
        {
            isHole = false;
            return Math.Min(lengthBytes, data.End - offsetBytes);
        }

        var end = _file.FindRunEnd(offsetBytes, out isHole);
        if (!isHole)
        {
            Volatile.Write(ref _lastData, new DataRun(offsetBytes, end));
        }

        return Math.Min(lengthBytes, end - offsetBytes);
    }

    /// <inheritdoc/>
    /// <remarks>By sharing it where the file system can, else by having the system copy it.</remarks>
    bool IStorageCopy.TryCopyFrom(IImageFile source, long sourceOffset, long offsetBytes, long lengthBytes, ref CopyMethod method) =>
        source is SystemImageFile file && TryCopyFrom(file, sourceOffset, offsetBytes, lengthBytes, ref method);

    private bool TryCopyFrom(SystemImageFile source, long sourceOffset, long offsetBytes, long lengthBytes, ref CopyMethod method)
    {
        // What is shared begins and ends where blocks of the file system do.
        var headBytes = Math.Min(-offsetBytes & (SharedUnitBytes - 1), lengthBytes);
        var coreBytes = (lengthBytes - headBytes) & -SharedUnitBytes;
        if (_canShare && coreBytes > 0 && ((sourceOffset - offsetBytes) & (SharedUnitBytes - 1)) == 0)
        {
            var error = _file.ShareRange(source._file, sourceOffset + headBytes, coreBytes, offsetBytes + headBytes);
            if (error == 0)
            {
                Extend(offsetBytes + headBytes + coreBytes);
                method = CopyMethod.Reflink;
                var doneBytes = headBytes + coreBytes;
                return TryCopyRange(source, sourceOffset, offsetBytes, headBytes)
                    && TryCopyRange(source, sourceOffset + doneBytes, offsetBytes + doneBytes, lengthBytes - doneBytes);
            }

            _canShare = error is not (-Errno.NotSupported or -Errno.CrossDevice or -Errno.UnknownRequest);
        }

        if (!TryCopyRange(source, sourceOffset, offsetBytes, lengthBytes))
        {
            return false;
        }

        method = method == CopyMethod.Reflink ? CopyMethod.Reflink : CopyMethod.CopyFileRange;
        return true;
    }

    private bool TryCopyRange(SystemImageFile source, long sourceOffset, long offsetBytes, long lengthBytes)
    {
        while (lengthBytes > 0)
        {
            var copied = _file.CopyRange(source._file, sourceOffset, lengthBytes, offsetBytes);
            if (copied <= 0)
            {
                return false;
            }

            sourceOffset += copied;
            offsetBytes += copied;
            lengthBytes -= copied;
            Extend(offsetBytes);
        }

        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _direct?.Dispose();
        _file.Dispose();
        if (_temporary is not null)
        {
            File.Delete(_temporary);
        }
    }

    // Whether the file has ended where it should not: somebody else made it shorter. Zeros would be a lie then.
    private bool IsCutShort(long endBytes) => endBytes < LengthBytes;

    private static bool IsMissing(int result) => result is -Errno.NotSupported or -Errno.NoSystemCall;

    private static ImageException Refused(string path, int error) => error switch
    {
        Errno.NoEntry => new(ImageErrorKind.NotFound, path, $"The image '{path}' does not exist; check the path."),
        Errno.Exists => new(ImageErrorKind.AlreadyExists, path, $"The file '{path}' exists already; choose another path or remove it first."),
        Errno.AccessDenied => new(ImageErrorKind.AccessDenied, path, $"Vireo is not allowed to open '{path}'; check its permissions."),
        Errno.ReadOnlyFileSystem => new(ImageErrorKind.AccessDenied, path, $"'{path}' is on a file system that is mounted read-only."),
        Errno.Busy => new(ImageErrorKind.InUse, path, $"The device '{path}', or a part of it, is mounted or in use by another program."),
        Errno.IsFolder => new(ImageErrorKind.InvalidParameter, path, $"'{path}' is a folder, not an image."),
        Errno.NoSpace or Errno.QuotaExceeded => ImageException.Failed(path, "make", BlockStatus.NoSpace),
        _ => new(ImageErrorKind.IoError, path, $"'{path}' cannot be opened: {Errno.Describe(error)}."),
    };

    private static BlockStatus Translate(long result) => result switch
    {
        >= 0 => BlockStatus.Ok,
        -Errno.NoSpace or -Errno.QuotaExceeded or -Errno.FileTooBig => BlockStatus.NoSpace,
        _ => BlockStatus.IoError,
    };

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> FinishReadAsync(ValueTask<long> request, long offsetBytes, IoVector buffers, int start, int lengthBytes)
    {
        var result = await request.ConfigureAwait(false);
        if (result < 0)
        {
            return Translate(result);
        }

        if (result < lengthBytes)
        {
            SegmentWindow.Clear(buffers.Segments, start + (int)result, lengthBytes - (int)result);
            return IsCutShort(offsetBytes + result) ? BlockStatus.IoError : BlockStatus.Ok;
        }

        return BlockStatus.Ok;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> FinishWriteAsync(ValueTask<long> request, int lengthBytes, long endBytes)
    {
        var result = await request.ConfigureAwait(false);
        if (result < lengthBytes)
        {
            return result < 0 ? Translate(result) : BlockStatus.IoError;
        }

        Extend(endBytes);
        return BlockStatus.Ok;
    }

    // Calls again until everything is there: the system may do less than asked, and takes a limited number of segments.
    private BlockStatus ReadAll(long offsetBytes, ReadOnlySpan<IoSegment> segments, int start, int lengthBytes)
    {
        while (lengthBytes > 0)
        {
            var result = _file.Read(offsetBytes, segments, start, lengthBytes);
            if (result < 0)
            {
                return Translate(result);
            }

            if (result == 0)
            {
                SegmentWindow.Clear(segments, start, lengthBytes);
                return IsCutShort(offsetBytes) ? BlockStatus.IoError : BlockStatus.Ok;
            }

            offsetBytes += result;
            start += (int)result;
            lengthBytes -= (int)result;
        }

        return BlockStatus.Ok;
    }

    private BlockStatus WriteAll(long offsetBytes, ReadOnlySpan<IoSegment> segments, int start, int lengthBytes)
    {
        while (lengthBytes > 0)
        {
            var result = _file.Write(offsetBytes, segments, start, lengthBytes);
            if (result <= 0)
            {
                return result == 0 ? BlockStatus.IoError : Translate(result);
            }

            offsetBytes += result;
            start += (int)result;
            lengthBytes -= (int)result;
        }

        Extend(offsetBytes);
        return BlockStatus.Ok;
    }

    private BlockStatus WriteZeros(long offsetBytes, long lengthBytes)
    {
        var zeros = new byte[Math.Min(lengthBytes, ZeroBufferBytes)];
        while (lengthBytes > 0)
        {
            var pieceBytes = (int)Math.Min(lengthBytes, zeros.Length);
            var status = Write(offsetBytes, zeros.AsSpan(0, pieceBytes));
            if (status != BlockStatus.Ok)
            {
                return status;
            }

            offsetBytes += pieceBytes;
            lengthBytes -= pieceBytes;
        }

        return BlockStatus.Ok;
    }

    private void Extend(long endBytes)
    {
        var length = Volatile.Read(ref _lengthBytes);
        while (endBytes > length)
        {
            var seen = Interlocked.CompareExchange(ref _lengthBytes, endBytes, length);
            if (seen == length)
            {
                return;
            }

            length = seen;
        }
    }

    private sealed record DataRun(long Start, long End);
}
