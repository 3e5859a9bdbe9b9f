using System.Runtime.InteropServices;

namespace Vireo.Platform.Sockets;

/// <summary>
/// A connected socket as a stream whose calls wait on the thread that makes them, the asynchronous ones too; for the handshake of a connection that a
/// reactor will own. <see cref="HangUp"/> ends the waiting from another thread.
/// </summary>
/// <remarks>
/// A <see cref="System.Net.Sockets.Socket"/> that once waited asynchronously stays in the runtime's own set of polled descriptors for as long as the
/// connection lives, whichever descriptor it is used by: each request would wake the runtime's thread too.
/// </remarks>
/// <param name="socket">The socket; stays the caller's.</param>
public sealed unsafe partial class WaitingStream(Descriptor socket) : Stream
{
    private const short Readable = 1;
    private const short Writable = 4;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Ends the connection: whoever waits finds its end.</summary>
    public void HangUp()
    {
        const int both = 2;
        _ = Shutdown(socket, both);
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The connection broke.</exception>
    public override int Read(Span<byte> buffer)
    {
        while (true)
        {
            nint received;
            fixed (byte* target = buffer)
            {
                // SAFETY: the buffer stays where it is until the call returns, and takes as many bytes as are asked for.
                received = Receive(socket, target, (nuint)buffer.Length, 0);
            }

            if (received >= 0)
            {
                return (int)received;
            }

            WaitFor(Readable, "received from");
        }
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The connection broke.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        const int noSignal = 0x4000;
        while (!buffer.IsEmpty)
        {
            nint sent;
            fixed (byte* source = buffer)
            {
                // SAFETY: as for reading.
                sent = Send(socket, source, (nuint)buffer.Length, noSignal);
            }

            if (sent < 0)
            {
                WaitFor(Writable, "sent to");
            }
            else
            {
                buffer = buffer[(int)sent..];
            }
        }
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(Read(buffer.Span));
    }

    /// <inheritdoc/>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        // Nothing is held back.
    }

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    private void WaitFor(short events, string what)
    {
        var error = Marshal.GetLastPInvokeError();
        if (error == SystemCall.Again)
        {
            var poll = new PollEntry { Descriptor = socket.Number, Events = events };

            // SAFETY: the kernel writes into a local. That the socket is open is the caller's promise. An interruption shows in the next call.
            _ = Poll(&poll, 1, -1);
        }
        else if (error != SystemCall.Interrupted)
        {
            throw SystemCall.Failed($"Nothing could be {what} a peer");
        }
    }

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint Receive(Descriptor socket, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint Send(Descriptor socket, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(PollEntry* entries, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "shutdown", SetLastError = true)]
    private static partial int Shutdown(Descriptor socket, int how);

    /// <summary><c>struct pollfd</c>.</summary>
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
