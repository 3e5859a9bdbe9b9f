using System.Net.Sockets;
using System.Text;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

/// <summary>A peer on a Unix socket that a test scripts, honest or hostile.</summary>
internal sealed class ScriptedPeer : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private Socket? _connection;

    public ScriptedPeer()
    {
        Path = _folder["peer"];
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen();
    }

    public string Path { get; }

    /// <summary>Takes the next connection.</summary>
    public async Task AcceptAsync()
    {
        _connection?.Dispose();
        _connection = await _listener.AcceptAsync(Until.Token);
    }

    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    public async Task SendAsync(byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length;)
        {
            sent += await _connection!.SendAsync(bytes.AsMemory(sent), Until.Token);
        }
    }

    /// <summary>Reads a line; a leading mark of the guest agent protocol is dropped. Null at the end.</summary>
    public async Task<string?> ReadLineAsync()
    {
        List<byte> line = [];
        var one = new byte[1];
        while (await _connection!.ReceiveAsync(one, Until.Token) == 1)
        {
            if (one[0] == '\n')
            {
                return Encoding.UTF8.GetString([.. line.Where(b => b != 0xFF)]);
            }

            line.Add(one[0]);
        }

        return null;
    }

    public void Close() => _connection!.Dispose();

    public void Dispose()
    {
        _connection?.Dispose();
        _listener.Dispose();
        _folder.Dispose();
    }
}
