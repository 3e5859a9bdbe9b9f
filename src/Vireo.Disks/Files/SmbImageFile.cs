using System.Buffers;
using System.Security.Cryptography;
using Vireo.Disks.Operations;
using Vireo.Platform.Files;
using Vireo.Smb;

namespace Vireo.Disks.Files;

/// <summary>
/// An image file on an SMB 3 share, over a connection of its own. Nobody waits on a reactor's thread: reads and writes of data are answered later.
/// </summary>
/// <remarks>
/// Who may open it is the server's to say, by share modes ([MS-SMB2] 2.2.13), as between hosts with Hyper-V: a writer lets others only look, a reader
/// lets nobody write. An image is opened write-through, so that what was answered is durable; a server that is started again while nobody looks
/// loses nothing. That is what makes it right to go on after a lost connection: the file is opened again with the same rights, as the successor of the
/// lost session, which the server ends first, and requests without an answer are sent again. A file that somebody else has taken meanwhile, that is gone, or
/// that has become shorter is not gone on with: every request fails until the image is closed.
/// A file that is being made is not written through, and not opened again.
/// </remarks>
public sealed class SmbImageFile : INewImageFile, IStorageCopy
{
    private const int Attempts = 5;
    private const int ZeroBytes = 512 << 10;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_sharingPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_sharingPatience = TimeSpan.FromMilliseconds(250);
    private static readonly byte[] s_zeros = new byte[ZeroBytes];
    private readonly UncPath _path;
    private readonly SmbOpen _how;
    private readonly int _pieceBytes;
    private readonly Lock _changing = new();
    private readonly ManualResetEventSlim _closing = new();
    private Link? _link;
    private ulong _lastSession;
    private Task<Link?>? _reconnecting;
    private long _lengthBytes;
    private bool _isNew;
    private bool _isSparse;
    private volatile bool _isGivenUp;

    private SmbImageFile(string path, UncPath name, SmbOpen how, Link link, bool isReadOnly)
    {
        (Path, _path, _how, _link, IsReadOnly) = (path, name, how, link, isReadOnly);
        (_lengthBytes, _pieceBytes, _lastSession) = (link.File.LengthBytes, link.Share.TransferBytes, link.Share.SessionId);
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <inheritdoc/>
    public bool MayWait => true;

    /// <inheritdoc/>
    public long LengthBytes => Volatile.Read(ref _lengthBytes);

    /// <summary>The dialect, and what keeps the connection safe; empty while there is none.</summary>
    public string Protection => Volatile.Read(ref _link)?.Share.Protection ?? "";

    /// <summary>Opens a file.</summary>
    /// <param name="path"><c>\\server\share\file</c>.</param>
    /// <param name="readOnly">Nobody may write meanwhile; without it nobody may open it but to look.</param>
    /// <param name="takeLock">False only to look at an image that may be in use.</param>
    /// <exception cref="ImageException">No such path, no login, no server, not there, in use.</exception>
    public static SmbImageFile Open(string path, bool readOnly, bool takeLock = true)
    {
        const SmbAccess reading = SmbAccess.ReadData | SmbAccess.ReadAttributes;
        var name = SmbServers.Parse(path);
        var how = new SmbOpen(
            readOnly ? reading : reading | SmbAccess.WriteData | SmbAccess.WriteAttributes,
            takeLock ? SmbSharing.Read | SmbSharing.Delete : SmbSharing.Read | SmbSharing.Write | SmbSharing.Delete,
            Options: readOnly ? SmbOpenOptions.NoFolder : SmbOpenOptions.NoFolder | SmbOpenOptions.WriteThrough);
        return Try(path, () => new SmbImageFile(path, name, how, Link.Make(name, how), readOnly));
    }

    /// <summary>Makes a new, empty file under a name of its own beside <paramref name="path"/>, until it is published.</summary>
    /// <exception cref="ImageException">The server refused.</exception>
    public static SmbImageFile CreateUnpublished(string path)
    {
        var name = SmbServers.Parse(path);
        var temporary = name.Beside($".{name.FileName}.{RandomNumberGenerator.GetHexString(8)}.new") ?? throw new ImageException(
            ImageErrorKind.InvalidParameter, path, $"The name of '{path}' is too long.");
        var how = new SmbOpen(
            SmbAccess.ReadData | SmbAccess.WriteData | SmbAccess.ReadAttributes | SmbAccess.WriteAttributes | SmbAccess.Delete, SmbSharing.None, SmbDisposition.Create);
        return Try(path, () => new SmbImageFile(path, temporary, how, Link.Make(temporary, how), isReadOnly: false) { _isNew = true });
    }

    /// <summary>Whether a file or folder of that name is there.</summary>
    /// <exception cref="ImageException">The server cannot be asked.</exception>
    public static bool Exists(string path)
    {
        var name = SmbServers.Parse(path);
        return Try(path, () =>
        {
            try
            {
                Link.Make(name, new SmbOpen(SmbAccess.ReadAttributes, SmbSharing.Read | SmbSharing.Write | SmbSharing.Delete, Options: SmbOpenOptions.None)).Dispose();
                return true;
            }
            catch (SmbException exception) when (exception.Kind is SmbErrorKind.NotFound or SmbErrorKind.FolderMissing)
            {
                return false;
            }
        });
    }

    /// <summary>Whether somebody has the file open; nothing is locked for longer than it takes to see.</summary>
    /// <exception cref="ImageException">The server cannot be asked, or there is no such file.</exception>
    public static bool IsInUse(string path)
    {
        var name = SmbServers.Parse(path);
        return Try(path, () =>
        {
            using var share = SmbServers.Connect(name);
            try
            {
                share.Open(name.Name, new SmbOpen(SmbAccess.ReadData, SmbSharing.None)).Close();
                return false;
            }
            catch (SmbException exception) when (exception.Kind == SmbErrorKind.InUse)
            {
                return true;
            }
        });
    }

    /// <summary>Removes a file; one that is not there is removed already. One that is open goes when it is closed.</summary>
    /// <exception cref="ImageException">The server refused.</exception>
    public static void Delete(string path)
    {
        var name = SmbServers.Parse(path);
        Try(path, () =>
        {
            try
            {
                using var link = Link.Make(name, new SmbOpen(SmbAccess.Delete, SmbSharing.Read | SmbSharing.Write | SmbSharing.Delete));
                var result = Wait(link.File.DeleteAsync());
                return result == SmbResult.Ok ? true : throw new SmbException(SmbErrorKind.Failed, $"the server did not remove it ({result})");
            }
            catch (SmbException exception) when (exception.Kind is SmbErrorKind.NotFound or SmbErrorKind.FolderMissing)
            {
                return false;
            }
        });
    }

    /// <inheritdoc/>
    public void Publish(string path)
    {
        var name = SmbServers.Parse(path);
        var result = Volatile.Read(ref _link) is { } link ? Wait(link.File.RenameAsync(name.Name)) : SmbResult.Lost;
        if (result != SmbResult.Ok)
        {
            throw result == SmbResult.Exists
                ? SmbServers.Refused(path, new SmbException(SmbErrorKind.AlreadyExists, "it exists already"))
                : new ImageException(ImageErrorKind.IoError, path, $"The image '{path}' could not be put in place: {(result == SmbResult.Lost ? "the connection to the server was lost" : "the server refused")}.");
        }

        _isNew = false;
        _isGivenUp = true;
    }

    /// <inheritdoc/>
    public BlockStatus Read(long offsetBytes, Span<byte> target)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Min(target.Length, _pieceBytes));
        try
        {
            while (!target.IsEmpty)
            {
                var piece = Math.Min(target.Length, buffer.Length);
                var status = Wait(ReadPieceAsync(offsetBytes, piece, file => file.ReadAsync(offsetBytes, buffer.AsMemory(0, piece))));
                if (status != BlockStatus.Ok)
                {
                    return status;
                }

                buffer.AsSpan(0, piece).CopyTo(target);
                target = target[piece..];
                offsetBytes += piece;
            }

            return BlockStatus.Ok;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <inheritdoc/>
    public BlockStatus Write(long offsetBytes, ReadOnlySpan<byte> source)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Min(source.Length, _pieceBytes));
        try
        {
            while (!source.IsEmpty)
            {
                var piece = Math.Min(source.Length, Math.Min(buffer.Length, _pieceBytes));
                source[..piece].CopyTo(buffer);
                var at = offsetBytes;
                var status = Wait(WritePieceAsync(at, piece, file => file.WriteAsync(at, buffer.AsMemory(0, piece))));
                if (status != BlockStatus.Ok)
                {
                    return status;
                }

                source = source[piece..];
                offsetBytes += piece;
            }

            return BlockStatus.Ok;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes)
    {
        var status = BlockStatus.Ok;
        for (var done = 0; done < lengthBytes && status == BlockStatus.Ok;)
        {
            var (at, from, piece) = (offsetBytes + done, start + done, Math.Min(lengthBytes - done, _pieceBytes));
            status = await ReadPieceAsync(at, piece, file => file.ReadAsync(at, buffers.SegmentMemory, from, piece)).ConfigureAwait(false);
            done += piece;
        }

        return status;
    }

    /// <inheritdoc/>
    public async ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes)
    {
        var status = BlockStatus.Ok;
        for (var done = 0; done < lengthBytes && status == BlockStatus.Ok;)
        {
            var (at, from, piece) = (offsetBytes + done, start + done, Math.Min(lengthBytes - done, _pieceBytes));
            status = await WritePieceAsync(at, piece, file => file.WriteAsync(at, buffers.SegmentMemory, from, piece)).ConfigureAwait(false);
            done += piece;
        }

        return status;
    }

    /// <inheritdoc/>
    public BlockStatus Flush() => IsReadOnly ? BlockStatus.Ok : Wait(RunAsync(static file => file.FlushAsync()));

    /// <inheritdoc/>
    public BlockStatus SetLength(long lengthBytes)
    {
        if (lengthBytes > LengthBytes)
        {
            MakeSparse();
        }

        // Known before it is done, so that a connection that is lost in between finds no file that has become too short.
        var before = Interlocked.Exchange(ref _lengthBytes, Math.Min(LengthBytes, lengthBytes));
        var status = Wait(RunAsync(file => file.SetLengthAsync(lengthBytes)));
        Volatile.Write(ref _lengthBytes, status == BlockStatus.Ok ? lengthBytes : before);
        return status;
    }

    /// <inheritdoc/>
    /// <remarks>No request of SMB promises storage, so zeros are written.</remarks>
    public BlockStatus Reserve(long offsetBytes, long lengthBytes) => WriteZeros(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public BlockStatus Discard(long offsetBytes, long lengthBytes)
    {
        MakeSparse();
        return Zero(offsetBytes, lengthBytes);
    }

    /// <inheritdoc/>
    /// <remarks>A file that may have holes gives storage back here too; one that was reserved keeps it.</remarks>
    public BlockStatus Zero(long offsetBytes, long lengthBytes)
    {
        var status = Wait(RunAsync(file => file.ZeroAsync(offsetBytes, lengthBytes)));
        return status == BlockStatus.Unsupported ? WriteZeros(offsetBytes, lengthBytes) : status;
    }

    /// <inheritdoc/>
    /// <remarks>The server copies, where both files are on one share. It wants the source to be open over the connection of the target.</remarks>
    bool IStorageCopy.TryCopyFrom(IImageFile source, long sourceOffset, long offsetBytes, long lengthBytes, ref CopyMethod method)
    {
        if (source is not SmbImageFile file || !_path.IsOnShareOf(file._path) || Volatile.Read(ref _link) is not { } link)
        {
            return false;
        }

        try
        {
            // Whoever has the source open keeps what he has.
            var from = link.Share.Open(file._path.Name, new SmbOpen(SmbAccess.ReadData, SmbSharing.Read | SmbSharing.Write | SmbSharing.Delete));
            try
            {
                if (Wait(from.RequestCopyKeyAsync()) is not (SmbResult.Ok, var key))
                {
                    return false;
                }

                for (var done = 0L; done < lengthBytes;)
                {
                    var piece = (int)Math.Min(lengthBytes - done, SmbFile.CopyBytes);
                    if (Wait(link.File.CopyFromAsync(key, sourceOffset + done, offsetBytes + done, piece)) != SmbResult.Ok)
                    {
                        return false;
                    }

                    done += piece;
                }
            }
            finally
            {
                from.Close();
            }

            // Written through is what is sent; what the server copies is durable when it says so.
            if (!_isNew && Wait(link.File.FlushAsync()) != SmbResult.Ok)
            {
                return false;
            }
        }
        catch (SmbException)
        {
            // The source cannot be opened a second time, or the connection is gone: whoever reads and writes instead sees which.
            return false;
        }

        Extend(offsetBytes + lengthBytes);
        method = CopyMethod.ServerSide;
        return true;
    }

    /// <inheritdoc/>
    public long MeasureRun(long offsetBytes, long lengthBytes, out bool isHole)
    {
        isHole = false;
        if (Volatile.Read(ref _link) is not { } link || Wait(link.File.FindDataAsync(offsetBytes, lengthBytes)) is not (SmbResult.Ok, var run))
        {
            return lengthBytes;
        }

        isHole = run is not { } data || data.Offset > offsetBytes;
        return Math.Min(lengthBytes, run is not { } found ? lengthBytes : isHole ? found.Offset - offsetBytes : found.Offset + found.Length - offsetBytes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _closing.Set();
        Link? link;
        lock (_changing)
        {
            (link, _link) = (_link, null);
            _isGivenUp = true;
        }

        if (link is null)
        {
            return;
        }

        if (_isNew)
        {
            _ = Wait(link.File.DeleteAsync());
        }

        link.Dispose();
    }

    // A program that looks whether somebody has the file is in the way for a moment.
    private static T Try<T>(string path, Func<T> work)
    {
        var begun = TimeProvider.System.GetTimestamp();
        using var never = new ManualResetEventSlim();
        while (true)
        {
            try
            {
                return work();
            }
            catch (SmbException exception) when (exception.Kind == SmbErrorKind.InUse && TimeProvider.System.GetElapsedTime(begun) < s_sharingPatience)
            {
                never.Wait(s_sharingPause);
            }
            catch (SmbException exception)
            {
                throw SmbServers.Refused(path, exception);
            }
        }
    }

    private static T Wait<T>(ValueTask<T> work) => work.IsCompletedSuccessfully ? work.Result : work.AsTask().GetAwaiter().GetResult();

    private async ValueTask<BlockStatus> ReadPieceAsync(long offsetBytes, int lengthBytes, Func<SmbFile, ValueTask<(SmbResult, int)>> read)
    {
        var bytes = 0;
        var status = await RunAsync(async file =>
        {
            (var result, bytes) = await read(file).ConfigureAwait(false);
            return result;
        }).ConfigureAwait(false);

        // The file has ended where it should not: somebody else made it shorter. Zeros would be a lie then.
        return status == BlockStatus.Ok && bytes < lengthBytes && offsetBytes + bytes < LengthBytes ? BlockStatus.IoError : status;
    }

    private async ValueTask<BlockStatus> WritePieceAsync(long offsetBytes, int lengthBytes, Func<SmbFile, ValueTask<SmbResult>> write)
    {
        var status = await RunAsync(write).ConfigureAwait(false);
        if (status == BlockStatus.Ok)
        {
            Extend(offsetBytes + lengthBytes);
        }

        return status;
    }

    // Every request here may be done twice without harm.
    private async ValueTask<BlockStatus> RunAsync(Func<SmbFile, ValueTask<SmbResult>> request)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var link = Volatile.Read(ref _link);
            if (link is null || !link.Share.IsUp)
            {
                link = await ReconnectAsync(link).ConfigureAwait(false);
                if (link is null)
                {
                    return BlockStatus.IoError;
                }
            }

            switch (await request(link.File).ConfigureAwait(false))
            {
                case SmbResult.Ok:
                    return BlockStatus.Ok;
                case SmbResult.NoSpace:
                    return BlockStatus.NoSpace;
                case SmbResult.NotSupported:
                    return BlockStatus.Unsupported;
                case SmbResult.Lost:
                    link.Share.Dispose();
                    break;
                default:
                    return BlockStatus.IoError;
            }
        }

        return BlockStatus.IoError;
    }

    private Task<Link?> ReconnectAsync(Link? lost)
    {
        lock (_changing)
        {
            if (_link is { } link && link != lost)
            {
                return Task.FromResult<Link?>(link);
            }

            if (_isNew || _isGivenUp)
            {
                return Task.FromResult<Link?>(null);
            }

            // Another thread: it waits for the network, and those that wait for it must not be what keeps it from running.
            return _reconnecting ??= Task.Factory.StartNew(Reconnect, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
    }

    private Link? Reconnect()
    {
        Link? link = null;
        var begun = TimeProvider.System.GetTimestamp();
        while (link is null && !_isGivenUp && TimeProvider.System.GetElapsedTime(begun) < SmbServers.ReconnectPatience)
        {
            try
            {
                link = Link.Make(_path, _how, _lastSession);
                if (link.File.LengthBytes < LengthBytes || link.Share.TransferBytes < _pieceBytes)
                {
                    _isGivenUp = true;
                }
            }
            catch (SmbException exception)
            {
                // Who took or removed the file meanwhile may have changed it: what is known of it is worth nothing any more.
                _isGivenUp |= exception.Kind is SmbErrorKind.InUse or SmbErrorKind.NotFound or SmbErrorKind.FolderMissing or SmbErrorKind.IsFolder;
                _closing.Wait(s_pause);
            }
        }

        lock (_changing)
        {
            _reconnecting = null;
            if (!_isGivenUp && link is not null)
            {
                (_link, _lastSession) = (link, link.Share.SessionId);
                return link;
            }
        }

        link?.Dispose();
        return null;
    }

    private void MakeSparse()
    {
        if (!_isSparse && Volatile.Read(ref _link) is { } link)
        {
            // A server that cannot keeps all of the file's storage, and nothing else changes.
            _isSparse = Wait(link.File.MakeSparseAsync()) != SmbResult.Lost;
        }
    }

    private BlockStatus WriteZeros(long offsetBytes, long lengthBytes)
    {
        while (lengthBytes > 0)
        {
            var (at, piece) = (offsetBytes, (int)Math.Min(lengthBytes, Math.Min(ZeroBytes, _pieceBytes)));
            var status = Wait(WritePieceAsync(at, piece, file => file.WriteAsync(at, s_zeros.AsMemory(0, piece))));
            if (status != BlockStatus.Ok)
            {
                return status;
            }

            offsetBytes += piece;
            lengthBytes -= piece;
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

    /// <summary>A connection, and the file over it.</summary>
    private sealed class Link(SmbShare share, SmbFile file) : IDisposable
    {
        public SmbShare Share => share;

        public SmbFile File => file;

        public static Link Make(UncPath path, SmbOpen how, ulong previousSession = 0)
        {
            var share = SmbServers.Connect(path, previousSession);
            try
            {
                var file = share.Open(path.Name, how);
                return file.IsFolder && how.Options.HasFlag(SmbOpenOptions.NoFolder) ? throw new SmbException(SmbErrorKind.IsFolder, "it is a folder") : new Link(share, file);
            }
            catch
            {
                share.Dispose();
                throw;
            }
        }

        public void Dispose()
        {
            file.Close();
            share.Dispose();
        }
    }
}
