using Vireo.Commands.Framework;
using Vireo.Host.Peers;
using Vireo.Testing;

namespace Vireo.Host.Tests.Peers;

/// <summary>Calls between two hosts that trust each other.</summary>
public sealed class PeerCallTests : IAsyncLifetime
{
    private readonly EchoRoutes _routes = new();
    private readonly TestHost _alpha;
    private readonly TestHost _beta = new("beta");

    public PeerCallTests() => _alpha = new TestHost("alpha", routes: [_routes]);

    public Task InitializeAsync() => TestHost.TrustAsync(_alpha, _beta);

    public async Task DisposeAsync()
    {
        await _alpha.DisposeAsync();
        await _beta.DisposeAsync();
    }

    [Fact]
    [Requirement("LM-7")]
    public async Task A_host_is_found_by_name_identity_and_address_and_knows_who_calls()
    {
        foreach (var name in new[] { "alpha", "ALPHA", _alpha.Room.Trust.Current.HostId.ToString(), _alpha.Address, "127.0.0.1" })
        {
            using var connection = await _beta.Room.Connector.ConnectAsync(name, default);
            Assert.Equal(new PeerHost(_alpha.Room.Trust.Current.HostId, "alpha"), connection.Peer);
            Assert.Equal(1, connection.Version);
            Assert.Equal("127.0.0.1", connection.LocalAddress?.ToString());
            var answer = await connection.PostAsync("/peer/echo", new Echo("hello", ""), EchoJson.Default.Echo, EchoJson.Default.Echo, default);
            Assert.Equal(new Echo("hello", "beta"), answer);
        }

        // And the other way: both know each other.
        using var back = await _alpha.Room.Connector.ConnectAsync("beta", default);
        Assert.Equal("beta", back.Hello.Name);
    }

    [Fact]
    public async Task An_error_of_the_other_host_arrives_as_itself_with_the_name_of_that_host()
    {
        using var connection = await _beta.Room.Connector.ConnectAsync("alpha", default);
        var refused = await Assert.ThrowsAsync<CommandException>(() => connection.GetAsync("/peer/echo/refuse", EchoJson.Default.Echo, default));
        Assert.Equal(("InvalidState", ErrorCategory.InvalidOperation, "alpha: The machine 'web1' is running.", "web1"), (refused.ErrorId, refused.Category, refused.Message, refused.TargetObject));

        // What nobody foresaw is told without what is inside.
        var broken = await Assert.ThrowsAsync<CommandException>(() => connection.GetAsync("/peer/echo/break", EchoJson.Default.Echo, default));
        Assert.Equal("OperationFailed", broken.ErrorId);
        Assert.DoesNotContain("secret", broken.Message, StringComparison.Ordinal);

        var unknown = await Assert.ThrowsAsync<CommandException>(() => connection.GetAsync("/peer/nothing", EchoJson.Default.Echo, default));
        Assert.Equal("ProtocolError", unknown.ErrorId);
    }

    [Fact]
    public async Task Objects_that_come_over_time_arrive_whole_or_with_an_error()
    {
        using var connection = await _beta.Room.Connector.ConnectAsync("alpha", default);
        var seen = new List<string>();
        await foreach (var item in connection.StreamAsync("/peer/echo/stream", EchoJson.Default.Echo, default))
        {
            seen.Add(item.Text);
        }

        Assert.Equal(["0", "1", "2"], seen);
        var failed = await Assert.ThrowsAsync<CommandException>(async () =>
        {
            await foreach (var item in connection.StreamAsync("/peer/echo/stream-fails", EchoJson.Default.Echo, default))
            {
                seen.Add(item.Text);
            }
        });
        Assert.Equal("DiskFull", failed.ErrorId);
        Assert.Equal(6, seen.Count);
    }

    [Fact]
    [Requirement("LM-7")]
    public async Task A_host_that_is_removed_loses_what_it_has_under_way_and_is_told_why_it_is_refused()
    {
        using var connection = await _beta.Room.Connector.ConnectAsync("alpha", default);
        var lost = Assert.ThrowsAsync<CommandException>(async () =>
        {
            await foreach (var item in connection.StreamAsync("/peer/echo/forever", EchoJson.Default.Echo, default))
            {
                Assert.Equal("here", item.Text);
            }
        });
        await _routes.Going.Task.WaitAsync(TimeSpan.FromMinutes(1));
        _alpha.Room.Service.Remove("beta");
        Assert.Equal("PeerConnectionLost", (await lost).ErrorId);
        await _routes.Ended.Task.WaitAsync(TimeSpan.FromMinutes(1));

        var refused = await Assert.ThrowsAsync<CommandException>(() => _beta.Room.Connector.ConnectAsync("alpha", default));
        Assert.Equal("PeerRefused", refused.ErrorId);
        Assert.Contains("removed", refused.Message, StringComparison.Ordinal);
        Assert.Contains(_alpha.Told("PeerRefused"), told => told.Contains("'beta'", StringComparison.Ordinal) && told.Contains("removed", StringComparison.Ordinal));

        // It may come again, with another invitation.
        await TestHost.TrustAsync(_alpha, _beta);
        using var again = await _beta.Room.Connector.ConnectAsync("alpha", default);
        Assert.Equal("alpha", again.Peer.Name);
    }

    [Fact]
    [Requirement("LM-7")]
    public async Task Without_migration_nobody_is_served_and_then_nobody_listens()
    {
        using var connection = await _beta.Room.Connector.ConnectAsync("alpha", default);
        _alpha.Settings.Change(settings => settings with { VirtualMachineMigrationEnabled = false });
        var refused = await Assert.ThrowsAsync<CommandException>(() => connection.GetAsync("/peer/echo/refuse", EchoJson.Default.Echo, default));
        Assert.Equal(("MigrationNotEnabled", ErrorCategory.NotEnabled), (refused.ErrorId, refused.Category));

        // The invitation that was used stays open until it expires, for a guest whose first try was cut short.
        _alpha.Room.Trust.Change(file => file with { Invitations = [] });
        Assert.Empty(await _alpha.Room.Endpoint.ApplyAsync(default));
        Assert.Empty(_alpha.Room.Endpoint.Listening);
        var silent = await Assert.ThrowsAsync<CommandException>(() => _beta.Room.Connector.ConnectAsync("alpha", default));
        Assert.Equal(("PeerUnreachable", ErrorCategory.ConnectionError), (silent.ErrorId, silent.Category));
        Assert.Contains("Enable-VMMigration", silent.Message, StringComparison.Ordinal);
    }
}
