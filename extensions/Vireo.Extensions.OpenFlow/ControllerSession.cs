using System.Buffers.Binary;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Vireo.Extensions.OpenFlow;

/// <summary>One connection to a controller: reads messages, has them answered in order, and sends what the switch has to tell.</summary>
internal sealed class ControllerSession : IDisposable
{
    private const int WaitingMax = 2048;
    private readonly Socket _socket;
    private readonly MessageHandler _handler;
    private readonly Channel<byte[]> _out = Channel.CreateBounded<byte[]>(WaitingMax);

    /// <summary>A connection that is open.</summary>
    public ControllerSession(Socket socket, MessageHandler handler)
    {
        _socket = socket;
        _handler = handler;
        socket.NoDelay = true;
    }

    /// <summary>Sends a message that nobody asked for, unless too many wait.</summary>
    /// <returns>Whether it will be sent.</returns>
    public bool Tell(byte[] message) => _out.Writer.TryWrite(message);

    /// <summary>Serves the connection until it ends.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var sender = SendAsync(either.Token);
        try
        {
            await _out.Writer.WriteAsync(MessageHandler.Hello(), stopping);
            await ReceiveAsync(stopping);
        }
        catch (Exception exception) when (exception is SocketException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The controller went away, or the switch does.
        }
        finally
        {
            // What was answered last still goes out.
            _out.Writer.TryComplete();
            if (stopping.IsCancellationRequested)
            {
                await either.CancelAsync();
            }

            await sender;
            Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private async Task ReceiveAsync(CancellationToken stopping)
    {
        var buffer = new byte[MessageWriter.BytesMax];
        List<byte[]> answers = [];
        while (true)
        {
            if (!await FillAsync(buffer.AsMemory(0, 8), stopping))
            {
                return;
            }

            var length = BinaryPrimitives.ReadUInt16BigEndian(buffer.AsSpan(2));
            if (length < 8 || !await FillAsync(buffer.AsMemory(8, length - 8), stopping))
            {
                return;
            }

            answers.Clear();
            var goesOn = _handler.Handle(buffer.AsSpan(0, length), answers);
            foreach (var answer in answers)
            {
                await _out.Writer.WriteAsync(answer, stopping);
            }

            if (!goesOn)
            {
                return;
            }
        }
    }

    private async Task<bool> FillAsync(Memory<byte> memory, CancellationToken stopping)
    {
        while (!memory.IsEmpty)
        {
            var read = await _socket.ReceiveAsync(memory, SocketFlags.None, stopping);
            if (read == 0)
            {
                return false;
            }

            memory = memory[read..];
        }

        return true;
    }

    private async Task SendAsync(CancellationToken stopping)
    {
        try
        {
            await foreach (var message in _out.Reader.ReadAllAsync(stopping))
            {
                for (var sent = 0; sent < message.Length;)
                {
                    sent += await _socket.SendAsync(message.AsMemory(sent), SocketFlags.None, stopping);
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The other direction notices, and ends the session.
            _out.Writer.TryComplete();
            _socket.Dispose();
        }
    }
}
