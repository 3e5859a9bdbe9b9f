namespace Vireo.Machines.Qmp;

/// <summary>Splits a byte stream into lines and never keeps more than a bound: the peer may be hostile.</summary>
/// <param name="stream">Where the bytes come from; the caller disposes it.</param>
/// <param name="maximumBytes">Longest line, without its end.</param>
public sealed class BoundedLineReader(Stream stream, int maximumBytes)
{
    private byte[] _buffer = new byte[4096];
    private int _start;
    private int _end;

    /// <summary>Longest line from now on.</summary>
    public int MaximumBytes { get; set; } = maximumBytes;

    /// <summary>
    /// The next line without its line feed, valid until the next call; null at the end of the stream (a last line without a line feed is
    /// dropped: it is not whole).
    /// </summary>
    /// <exception cref="LineTooLongException">The line is longer than the bound.</exception>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadLineAsync(CancellationToken cancellationToken)
    {
        var searched = _start;
        while (true)
        {
            var found = _buffer.AsSpan(searched, _end - searched).IndexOf((byte)'\n');
            if (found >= 0)
            {
                var line = _buffer.AsMemory(_start, searched + found - _start);
                if (line.Length > MaximumBytes)
                {
                    throw new LineTooLongException(MaximumBytes);
                }

                _start = searched + found + 1;
                return line;
            }

            if (_end - _start > MaximumBytes)
            {
                throw new LineTooLongException(MaximumBytes);
            }

            MakeRoom();
            searched = _end;
            if (!await FillAsync(cancellationToken).ConfigureAwait(false))
            {
                return null;
            }
        }
    }

    /// <summary>Drops bytes up to and including <paramref name="mark"/>; false at the end of the stream.</summary>
    public async ValueTask<bool> SkipPastAsync(byte mark, CancellationToken cancellationToken)
    {
        while (true)
        {
            var found = _buffer.AsSpan(_start, _end - _start).IndexOf(mark);
            if (found >= 0)
            {
                _start += found + 1;
                return true;
            }

            _start = _end = 0;
            if (!await FillAsync(cancellationToken).ConfigureAwait(false))
            {
                return false;
            }
        }
    }

    private async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        _end += read;
        return read > 0;
    }

    private void MakeRoom()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
        {
            // One byte more than the bound, so that a line of exactly the bound and its line feed fit.
            Array.Resize(ref _buffer, (int)Math.Min((long)_buffer.Length * 2, Math.Max(MaximumBytes + 2L, _buffer.Length + 1L)));
        }
        else if (_end == 0 && _buffer.Length > 1 << 16)
        {
            // One large answer must not keep its memory for the life of the connection.
            _buffer = new byte[4096];
        }
    }
}

/// <summary>The peer sent a line beyond the bound.</summary>
public sealed class LineTooLongException(int maximumBytes) : IOException($"The peer sent a line of more than {maximumBytes} bytes.");
