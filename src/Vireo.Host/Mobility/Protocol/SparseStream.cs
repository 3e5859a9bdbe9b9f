using System.Buffers;
using System.Buffers.Binary;
using Vireo.Platform.Files;

namespace Vireo.Host.Mobility.Protocol;

/// <summary>
/// A file on its way to another host, without its holes. Little endian, any number of pieces: offset (8 bytes), length (4 bytes, 1 to
/// <see cref="PieceBytes"/>), the bytes; at the end offset -1 and the length of the file (8 bytes). Offsets only grow.
/// </summary>
internal static class SparseStream
{
    /// <summary>Most bytes of a piece.</summary>
    public const int PieceBytes = 1 << 20;

    private const int HeadBytes = sizeof(long) + sizeof(int);

    /// <summary>Sends a file that nobody writes to.</summary>
    /// <param name="path">The file.</param>
    /// <param name="stream">Where to.</param>
    /// <param name="progress">Told how far in the file it is.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="IOException">It could not be read or sent.</exception>
    public static async Task SendAsync(string path, Stream stream, Action<long> progress, CancellationToken cancellation)
    {
        using var file = NativeFile.TryOpen(path, writable: false, out var error) ?? throw new IOException($"The file '{path}' cannot be read: {new System.ComponentModel.Win32Exception(error).Message}");
        var length = file.GetLength();
        var buffer = ArrayPool<byte>.Shared.Rent(HeadBytes + PieceBytes);
        try
        {
            for (var offset = 0L; offset < length;)
            {
                cancellation.ThrowIfCancellationRequested();
                var end = Math.Min(file.FindRunEnd(offset, out var isHole), length);
                if (isHole)
                {
                    offset = end;
                    continue;
                }

                var wanted = (int)Math.Min(end - offset, PieceBytes);
                var read = file.Read(offset, buffer.AsSpan(HeadBytes, wanted));
                if (read <= 0)
                {
                    throw new IOException($"The file '{path}' cannot be read at {offset}; it became shorter, or its storage failed.");
                }

                BinaryPrimitives.WriteInt64LittleEndian(buffer, offset);
                BinaryPrimitives.WriteInt32LittleEndian(buffer.AsSpan(sizeof(long)), (int)read);
                await stream.WriteAsync(buffer.AsMemory(0, HeadBytes + (int)read), cancellation);
                offset += read;
                progress(offset);
            }

            BinaryPrimitives.WriteInt64LittleEndian(buffer, -1);
            BinaryPrimitives.WriteInt64LittleEndian(buffer.AsSpan(sizeof(long)), length);
            await stream.WriteAsync(buffer.AsMemory(0, 2 * sizeof(long)), cancellation);
            await stream.FlushAsync(cancellation);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Makes a file of what is sent; durable when this returns.</summary>
    /// <param name="stream">What another host sends.</param>
    /// <param name="path">A name that nobody has.</param>
    /// <param name="heard">Called when something has come.</param>
    /// <param name="cancellation">Gives up; what was made stays.</param>
    /// <exception cref="InvalidDataException">It is no such stream, or ends too soon.</exception>
    public static async Task ReceiveAsync(Stream stream, string path, Action heard, CancellationToken cancellation)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        var file = new FileStream(path, options);
        await using var closed = file.ConfigureAwait(false);
        var buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            for (var end = 0L; ;)
            {
                await stream.ReadExactlyAsync(buffer.AsMemory(0, HeadBytes), cancellation);
                var offset = BinaryPrimitives.ReadInt64LittleEndian(buffer);
                var count = BinaryPrimitives.ReadInt32LittleEndian(buffer.AsSpan(sizeof(long)));
                if (offset == -1)
                {
                    await stream.ReadExactlyAsync(buffer.AsMemory(HeadBytes, sizeof(int)), cancellation);
                    var length = BinaryPrimitives.ReadInt64LittleEndian(buffer.AsSpan(sizeof(long)));
                    file.SetLength(length >= end ? length : throw new InvalidDataException("The length of the file is shorter than what was sent of it."));
                    file.Flush(flushToDisk: true);
                    return;
                }

                if (offset < end || count is <= 0 or > PieceBytes || offset > long.MaxValue - PieceBytes)
                {
                    throw new InvalidDataException("A piece of the file is out of bounds.");
                }

                await stream.ReadExactlyAsync(buffer.AsMemory(0, count), cancellation);
                await RandomAccess.WriteAsync(file.SafeFileHandle, buffer.AsMemory(0, count), offset, cancellation);
                end = offset + count;
                heard();
            }
        }
        catch (ArgumentOutOfRangeException large)
        {
            throw new InvalidDataException("The file is longer than any of this file system.", large);
        }
        catch (EndOfStreamException cut)
        {
            throw new InvalidDataException("The file ends too soon.", cut);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
