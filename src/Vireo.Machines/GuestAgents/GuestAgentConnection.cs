using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Vireo.Machines.Qmp;

namespace Vireo.Machines.GuestAgents;

/// <summary>
/// One synchronised conversation with an agent over the host's end of its channel. Question, answer, one at a time. After any failure
/// the conversation is over: what the guest says later would be taken for the answer to the next question.
/// </summary>
internal sealed class GuestAgentConnection : IDisposable
{
    private const int UsualReplyBytes = 1 << 20;
    private const byte Delimiter = 0xFF;

    private readonly NetworkStream _stream;
    private readonly BoundedLineReader _lines;

    private GuestAgentConnection(Socket socket)
    {
        _stream = new(socket, ownsSocket: true);
        _lines = new(_stream, UsualReplyBytes);
    }

    /// <summary>
    /// Connects and synchronises: the byte 0xFF makes the agent drop half a question of an earlier conversation, and marks for us
    /// where answers to earlier questions end; the random number shows that the answer is to this question (qemu-ga protocol,
    /// guest-sync-delimited).
    /// </summary>
    public static async Task<GuestAgentConnection> OpenAsync(string path, long synchronisation, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var connection = default(GuestAgentConnection);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken).ConfigureAwait(false);
            connection = new(socket);
            await connection.SendAsync("guest-sync-delimited", new JsonObject { ["id"] = synchronisation }, mark: true, cancellationToken).ConfigureAwait(false);
            while (true)
            {
                if (!await connection._lines.SkipPastAsync(Delimiter, cancellationToken).ConfigureAwait(false))
                {
                    throw new GuestAnswerException("it closed the channel");
                }

                if (GuestAnswers.Number(await connection.ReceiveAsync(UsualReplyBytes, cancellationToken).ConfigureAwait(false)) == synchronisation)
                {
                    return connection;
                }
            }
        }
        catch
        {
            connection?.Dispose();
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Asks and waits for the answer.</summary>
    public async Task<JsonElement> AskAsync(string command, JsonObject? arguments, int maximumReplyBytes, CancellationToken cancellationToken)
    {
        await SendAsync(command, arguments, mark: false, cancellationToken).ConfigureAwait(false);
        return await ReceiveAsync(Math.Max(maximumReplyBytes, UsualReplyBytes), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Tells, for commands that agents do not answer.</summary>
    public Task TellAsync(string command, JsonObject arguments, CancellationToken cancellationToken) =>
        SendAsync(command, arguments, mark: false, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private async Task SendAsync(string command, JsonObject? arguments, bool mark, CancellationToken cancellationToken)
    {
        var question = new JsonObject { ["execute"] = command };
        if (arguments is not null)
        {
            question["arguments"] = arguments;
        }

        var text = Encoding.UTF8.GetBytes(question.ToJsonString());
        byte[] message = mark ? [Delimiter, .. text, (byte)'\n'] : [.. text, (byte)'\n'];
        await _stream.WriteAsync(message, cancellationToken).ConfigureAwait(false);
    }

    private async Task<JsonElement> ReceiveAsync(int maximumBytes, CancellationToken cancellationToken)
    {
        _lines.MaximumBytes = maximumBytes;
        var line = await _lines.ReadLineAsync(cancellationToken).ConfigureAwait(false) ?? throw new GuestAnswerException("it closed the channel");
        return GuestAnswers.ParseReply(line);
    }
}
