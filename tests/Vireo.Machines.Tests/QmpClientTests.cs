using System.Text.Json;
using System.Text.Json.Nodes;
using Vireo.Machines.Qmp;

namespace Vireo.Machines.Tests;

public sealed class QmpClientTests
{
    private const string Greeting = """{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": ["oob"]}}""" + "\r\n";

    [Fact]
    public async Task Answers_find_their_commands_in_any_order_and_events_keep_theirs()
    {
        using var peer = new ScriptedPeer();
        await using var client = await ConnectAsync(peer);
        Assert.Equal("7.2.22", client.QemuVersion);
        var first = client.ExecuteAsync("query-a", new JsonObject { ["text"] = "a\"\n" });
        var firstId = Id(await peer.ReadLineAsync());
        var second = client.ExecuteAsync("query-b");
        var secondId = Id(await peer.ReadLineAsync());
        await peer.SendAsync("{\"event\": \"ONE\"}\n" + Return(secondId, "{\"x\": 2}") + "{\"event\": \"TWO\", \"data\": {\"reason\": \"r\", \"guest\": true}}\n");
        Assert.Equal(2, (await second).GetProperty("x").GetInt32());
        await peer.SendAsync(Return(firstId, "{\"x\": 1}"));
        Assert.Equal(1, (await first).GetProperty("x").GetInt32());
        Assert.Equal("ONE", (await client.Events.ReadAsync(Until.Token)).Name);
        var two = await client.Events.ReadAsync(Until.Token);
        Assert.Equal("r", two.Text("reason"));
        Assert.True(two.Flag("guest"));
    }

    [Fact]
    public async Task A_refused_command_says_what_and_why()
    {
        using var peer = new ScriptedPeer();
        await using var client = await ConnectAsync(peer);
        var command = client.ExecuteAsync("device_del");
        var id = Id(await peer.ReadLineAsync());
        await peer.SendAsync($"{{\"id\": {id}, \"error\": {{\"class\": \"DeviceNotFound\", \"desc\": \"Device 'x' not found\"}}}}\n");
        var refusal = await Assert.ThrowsAsync<QmpException>(() => command);
        Assert.Equal("DeviceNotFound", refusal.ErrorClass);
        Assert.Equal("QEMU refused 'device_del': Device 'x' not found.", refusal.Message);
    }

    [Fact]
    public async Task An_answer_that_nobody_waits_for_any_more_harms_nobody()
    {
        using var peer = new ScriptedPeer();
        await using var client = await ConnectAsync(peer);
        using var cancel = new CancellationTokenSource();
        var abandoned = client.ExecuteAsync("slow", null, cancel.Token);
        var abandonedId = Id(await peer.ReadLineAsync());
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);
        var next = client.ExecuteAsync("next");
        var nextId = Id(await peer.ReadLineAsync());
        await peer.SendAsync(Return(abandonedId, "1") + Return(999, "2") + "{\"return\": 3}\n" + Return(nextId, "4"));
        Assert.Equal(4, (await next).GetInt32());
    }

    [Theory]
    [InlineData("not json\n")]
    [InlineData("[]\n")]
    [InlineData("{}\n")]
    [InlineData("{\"error\": 3, \"id\": 2}\n")]
    [InlineData("{\"event\": {}}\n")]
    [InlineData("{\"event\": \"\\ud800\"}\n")]
    [InlineData(Greeting)]
    public async Task A_peer_out_of_protocol_is_let_go_and_commands_in_flight_fail(string line)
    {
        using var peer = new ScriptedPeer();
        await using var client = await ConnectAsync(peer);
        var command = client.ExecuteAsync("query");
        await peer.ReadLineAsync();
        await peer.SendAsync(line);
        var lost = await Assert.ThrowsAsync<MachineException>(() => command);
        Assert.Equal(MachineErrorKind.ControlLost, lost.Kind);
        Assert.IsType<QmpProtocolException>(await client.Closed);
        Assert.Null(await peer.ReadLineAsync());
        lost = await Assert.ThrowsAsync<MachineException>(() => client.ExecuteAsync("query"));
        Assert.Equal(MachineErrorKind.ControlLost, lost.Kind);
    }

    [Fact]
    public async Task An_endless_line_ends_the_connection()
    {
        using var peer = new ScriptedPeer();
        await using var client = await ConnectAsync(peer);
        var flood = Task.Run(async () =>
        {
            var part = new byte[1 << 20];
            Array.Fill(part, (byte)' ');
            try
            {
                for (var i = 0; i < 16; i++)
                {
                    await peer.SendAsync(part);
                }
            }
            catch (System.Net.Sockets.SocketException)
            {
                // It hung up, as it should.
            }
        });
        Assert.IsType<LineTooLongException>(await client.Closed.WaitAsync(Until.Token));
        await flood;
    }

    [Fact]
    public async Task A_flood_of_events_is_bounded_in_number_and_in_length()
    {
        using var peer = new ScriptedPeer();
        await using var client = await ConnectAsync(peer);
        var text = new System.Text.StringBuilder();
        for (var i = 0; i < 1000; i++)
        {
            text.Append($"{{\"event\": \"E{i}\"}}\n");
        }

        await peer.SendAsync(text.ToString());
        var answer = client.ExecuteAsync("query");
        await peer.SendAsync(Return(Id(await peer.ReadLineAsync()), "{}"));
        await answer;
        Assert.Equal(256, client.Events.Count);
        Assert.True(client.Events.TryRead(out var first));
        Assert.Equal("E744", first.Name);
        await peer.SendAsync($"{{\"event\": \"LONG\", \"data\": {{\"x\": \"{new string('x', QmpClient.MaximumEventBytes)}\"}}}}\n");
        Assert.IsType<QmpProtocolException>(await client.Closed.WaitAsync(Until.Token));
    }

    [Fact]
    public async Task A_connection_that_ends_fails_what_is_in_flight()
    {
        using var peer = new ScriptedPeer();
        await using var client = await ConnectAsync(peer);
        var command = client.ExecuteAsync("query");
        await peer.ReadLineAsync();
        peer.Close();
        Assert.Equal(MachineErrorKind.ControlLost, (await Assert.ThrowsAsync<MachineException>(() => command)).Kind);
        Assert.False(await client.Events.WaitToReadAsync(Until.Token));
    }

    [Theory]
    [InlineData("hello\n")]
    [InlineData("{\"return\": {}}\n")]
    public async Task A_peer_that_does_not_greet_is_refused(string line)
    {
        using var peer = new ScriptedPeer();
        var connecting = QmpClient.ConnectAsync(peer.Path, Until.Token);
        await peer.AcceptAsync();
        await peer.SendAsync(line);
        await Assert.ThrowsAsync<QmpProtocolException>(() => connecting);
    }

    [Fact]
    public async Task Nobody_there_is_an_error_that_names_the_socket()
    {
        var error = await Assert.ThrowsAsync<IOException>(() => QmpClient.ConnectAsync("/tmp/vireo-nobody", Until.Token));
        Assert.Contains("/tmp/vireo-nobody", error.Message, StringComparison.Ordinal);
    }

    private static async Task<QmpClient> ConnectAsync(ScriptedPeer peer)
    {
        var connecting = QmpClient.ConnectAsync(peer.Path, Until.Token);
        await peer.AcceptAsync();
        await peer.SendAsync(Greeting);
        var negotiation = await peer.ReadLineAsync();
        Assert.Contains("qmp_capabilities", negotiation, StringComparison.Ordinal);
        await peer.SendAsync(Return(Id(negotiation), "{}"));
        return await connecting;
    }

    private static long Id(string? command) => JsonDocument.Parse(command!).RootElement.GetProperty("id").GetInt64();

    private static string Return(long id, string value) => $"{{\"return\": {value}, \"id\": {id}}}\r\n";
}
