using Vireo.Platform.Events;
using Vireo.Platform.Memory;
using Vireo.Platform.Sockets;
using Vireo.Testing;

namespace Vireo.Platform.Tests.Sockets;

public sealed class UnixSocketTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly UnixListener _listener;
    private readonly UnixConnection _client;
    private readonly UnixConnection _server;

    public UnixSocketTests()
    {
        _listener = UnixListener.Listen(_folder["s"]);
        _client = UnixConnection.Connect(_folder["s"]);
        _server = _listener.TryAccept()!;
    }

    [Fact]
    public void DescriptorsArriveWithTheBytesAndNameTheSameFiles()
    {
        using var memory = MemoryFile.CreateSealed("passed", 4096);
        using var signal = EventDescriptor.Create();
        Assert.Equal(SocketStatus.Ok, _client.Send([1, 2, 3], [memory, signal.Descriptor], out var sent));
        Assert.Equal(3, sent);

        var buffer = new byte[16];
        var passed = new List<Descriptor>();
        Assert.Equal(SocketStatus.Ok, _server.Receive(buffer, passed, out var received));
        Assert.Equal([1, 2, 3], buffer[..received]);
        Assert.Equal(2, passed.Count);

        using var here = SharedMapping.Map(memory, 0, 4096);
        using var there = SharedMapping.Map(passed[0], 0, 4096);
        new IoSegment(here.Address, 1).Span[0] = 7;
        Assert.Equal(7, new IoSegment(there.Address, 1).Span[0]);

        using var adopted = EventDescriptor.TryAdopt(passed[1])!;
        adopted.Signal();
        Assert.True(signal.Drain());
        Assert.Null(EventDescriptor.TryAdopt(passed[0]));
        passed[0].Dispose();
    }

    [Fact]
    public void DescriptorsThatNobodyWantsAreClosed()
    {
        using var memory = MemoryFile.CreateSealed("unwanted", 4096);
        _client.Send([1], [memory], out _);
        Assert.Equal(SocketStatus.TooManyDescriptors, _server.Receive(new byte[4], null, out _));
    }

    [Fact]
    public void AnEmptySocketWouldBlockAndAClosedOneSaysSo()
    {
        Assert.Equal(SocketStatus.WouldBlock, _server.Receive(new byte[4], null, out _));
        _client.Dispose();
        Assert.Equal(SocketStatus.Closed, _server.Receive(new byte[4], null, out _));
        Assert.Equal(SocketStatus.Closed, _server.Send([1], [], out _));
    }

    [Fact]
    public void TheKernelNamesThePeer() => Assert.Equal(Environment.ProcessId, _server.Peer.ProcessId);

    [Fact]
    public void ALivingSocketIsNotReplacedAndAStaleOneIs()
    {
        Assert.Contains("listens", Assert.Throws<IOException>(() => UnixListener.Listen(_folder["s"])).Message, StringComparison.Ordinal);

        // A process that was killed leaves its socket file behind; the library's own listeners remove theirs.
        var stale = _folder["stale"];
        using (var killed = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0))
        {
            killed.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(_folder["moving"]));
            File.Move(_folder["moving"], stale);
        }

        using var listener = UnixListener.Listen(stale);
        using var client = UnixConnection.Connect(stale);
    }

    [Fact]
    public void AFileThatIsNoSocketIsLeftAlone()
    {
        var file = _folder["file"];
        File.WriteAllText(file, "precious");
        Assert.Throws<IOException>(() => UnixListener.Listen(file));
        Assert.Equal("precious", File.ReadAllText(file));
    }

    [Fact]
    public void APathThatIsTooLongIsNamed() =>
        Assert.Throws<ArgumentException>(() => UnixListener.Listen(_folder[new string('x', 100)]));

    public void Dispose()
    {
        _server.Dispose();
        _client.Dispose();
        _listener.Dispose();
        _folder.Dispose();
    }
}
