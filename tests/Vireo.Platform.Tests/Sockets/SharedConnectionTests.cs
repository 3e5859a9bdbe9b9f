using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Vireo.Platform.Processes;
using Vireo.Platform.Sockets;

namespace Vireo.Platform.Tests.Sockets;

public sealed class SharedConnectionTests : IDisposable
{
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(20);
    private static readonly HashSet<string> s_none = [];
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public SharedConnectionTests() => _listener.Start();

    private IPEndPoint Place => (IPEndPoint)_listener.LocalEndpoint;

    [Fact]
    public async Task LettingGoOfAConnectionEndsItForNobodyElseAndEndingItForAll()
    {
        using var held = await SharedConnection.ConnectAsync(Place, s_silence, CancellationToken.None);
        using var server = await _listener.AcceptSocketAsync();
        held.Descriptor.Duplicate().Dispose();
        var buffer = new byte[1];
        var end = server.ReceiveAsync(buffer);
        Assert.False(end.IsCompleted);
        held.End();
        Assert.Equal(0, await end.WaitAsync(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task AConnectionThatAnotherProcessMadeIsFoundAndEndedUnderIt()
    {
        var port = Place.Port.ToString(CultureInfo.InvariantCulture);
        using var reader = Process.Start(new ProcessStartInfo("bash", ["-c", $"exec 3<>/dev/tcp/127.0.0.1/{port} && cat <&3"]) { UseShellExecute = false })!;
        using var server = await _listener.AcceptSocketAsync();
        using var handle = ProcessHandle.TryOpen(ProcessIdentity.Find(reader.Id)!)!;
        Assert.Empty(SharedConnection.Find(reader.Id, handle, new IPEndPoint(IPAddress.Loopback, Place.Port == 1 ? 2 : 1), s_silence, s_none));

        using var found = Assert.Single(SharedConnection.Find(reader.Id, handle, Place, s_silence, s_none));
        Assert.Empty(SharedConnection.Find(reader.Id, handle, Place, s_silence, new HashSet<string> { found.Name }));
        Assert.False(reader.HasExited);
        found.End();
        await reader.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task ConnectingWhereNobodyListensFails()
    {
        var place = Place;
        _listener.Stop();
        await Assert.ThrowsAsync<SocketException>(() => SharedConnection.ConnectAsync(place, s_silence, CancellationToken.None));
    }

    public void Dispose() => _listener.Dispose();
}
