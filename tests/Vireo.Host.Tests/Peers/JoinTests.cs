using System.Security.Cryptography;
using Vireo.Commands.Framework;
using Vireo.Host.Peers;
using Vireo.Testing;

namespace Vireo.Host.Tests.Peers;

/// <summary>Two hosts come to trust each other, or do not.</summary>
public sealed class JoinTests : IAsyncDisposable
{
    private readonly ShiftedClock _clock = new();
    private readonly TestHost _alpha;
    private readonly TestHost _beta = new("beta");

    public JoinTests() => _alpha = new TestHost("alpha", _clock);

    public async ValueTask DisposeAsync()
    {
        await _alpha.DisposeAsync();
        await _beta.DisposeAsync();
    }

    [Fact]
    [Requirement("LM-7")]
    public async Task An_invitation_lets_one_host_in_once()
    {
        var token = await InviteAsync();
        await _beta.Room.Service.JoinAsync(token, default);
        Assert.Equal("beta", Assert.Single(_alpha.Room.Trust.Current.Peers).Name);
        Assert.Equal("alpha", Assert.Single(_beta.Room.Trust.Current.Peers).Name);
        Assert.Empty(_alpha.Room.Service.OpenInvitations);

        // The same host may say it again: nothing changes.
        var before = _alpha.Room.Trust.Current.File;
        await _beta.Room.Service.JoinAsync(token, default);
        Assert.Same(before, _alpha.Room.Trust.Current.File);

        await using var gamma = new TestHost("gamma");
        Assert.Equal("InvitationUsed", (await RefusedAsync(gamma, token)).ErrorId);
        Assert.Empty(gamma.Room.Trust.Current.Peers);
        Assert.Contains(_alpha.Told("PeerRefused"), told => told.Contains("'gamma'", StringComparison.Ordinal) && told.Contains("used already", StringComparison.Ordinal));
    }

    [Fact]
    [Requirement("LM-7")]
    public async Task Secrets_and_fingerprints_must_be_right()
    {
        var token = InvitationToken.Parse(await InviteAsync());
        var wrongSecret = token with { Secret = RandomNumberGenerator.GetBytes(32) };
        Assert.Equal("InvitationUnknown", (await RefusedAsync(_beta, wrongSecret.ToString())).ErrorId);

        // Somebody else at the address: the guest says its secret to nobody but the authority of the invitation.
        var wrongAuthority = token with { Authority = RandomNumberGenerator.GetBytes(32) };
        Assert.Equal("PeerNotTrusted", (await RefusedAsync(_beta, wrongAuthority.ToString())).ErrorId);
        var wrongHost = token with { CertificateName = PeerProtocol.CertificateName(Guid.NewGuid()) };
        Assert.Equal("PeerNotTrusted", (await RefusedAsync(_beta, wrongHost.ToString())).ErrorId);

        Assert.Equal("InvalidParameter", (await RefusedAsync(_beta, token.ToString()[..40])).ErrorId);
        Assert.Equal("InvalidParameter", (await RefusedAsync(_beta, "hello")).ErrorId);
        Assert.Equal("InvalidParameter", (await RefusedAsync(_alpha, token.ToString())).ErrorId);
        Assert.Empty(_alpha.Room.Trust.Current.Peers);
        Assert.Empty(_beta.Room.Trust.Current.Peers);
        await _beta.Room.Service.JoinAsync(token.ToString(), default);
    }

    [Fact]
    [Requirement("LM-7")]
    public async Task An_invitation_ends()
    {
        _clock.Offset = TimeSpan.FromHours(-2);
        var late = await RefusedAsync(_beta, await InviteAsync());
        Assert.Equal(("InvitationExpired", ErrorCategory.PermissionDenied), (late.ErrorId, late.Category));

        // The guest's clock is behind: the host lets nobody in who has no certificate.
        _clock.Offset = TimeSpan.Zero;
        var token = await InviteAsync();
        _clock.Offset = TimeSpan.FromHours(1);
        var closed = await RefusedAsync(_beta, token);
        Assert.Equal("InvitationUnknown", closed.ErrorId);
        Assert.Contains(_alpha.Told("PeerRefused"), told => told.Contains("no certificate", StringComparison.Ordinal));

        // Another one is open meanwhile: then it says so itself.
        _ = await InviteAsync();
        Assert.Equal("InvitationExpired", (await RefusedAsync(_beta, token)).ErrorId);
        Assert.Empty(_alpha.Room.Trust.Current.Peers);
        _clock.Offset = TimeSpan.FromDays(2);
        await _alpha.Room.Keeper.LookAsync(default);
        Assert.Empty(_alpha.Room.Trust.Current.File.Invitations);
    }

    [Fact]
    [Requirement("LM-7")]
    public async Task Who_speaks_another_version_is_told_which_both_sides_speak()
    {
        await using var future = new TestHost("future", versions: [2, 3]);
        var joining = await Assert.ThrowsAsync<CommandException>(() => TestHost.TrustAsync(future, _beta));
        AssertMismatch(joining);

        // A host that was updated since.
        await TestHost.TrustAsync(_alpha, _beta);
        var here = new PeerConnector(_beta.Room.Trust, _beta.Settings, TimeProvider.System, [2, 3]);
        AssertMismatch(await Assert.ThrowsAsync<CommandException>(() => here.ConnectAsync("alpha", default)));
        using var connection = await _beta.Room.Connector.ConnectAsync("alpha", default);

        // The other side insists as well.
        using var stranger = PeerConnection.AsGuest(
            new PeerTarget("alpha", connection.Address, null), _beta.Room.Trust.Current, 9, TimeProvider.System, isBlind: false);
        var insisted = await Assert.ThrowsAsync<CommandException>(() => stranger.GetAsync(PeerGate.MembersPath, PeerJson.Default.MembersAnswer, default));
        Assert.Equal("PeerVersionMismatch", insisted.ErrorId);
        Assert.Contains("speaks 1", insisted.Message, StringComparison.Ordinal);
        Assert.Contains("speaks 9", insisted.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("LM-7")]
    public async Task Hosts_of_one_authority_come_to_know_each_other_and_forget_whom_it_removes()
    {
        await using var gamma = new TestHost("gamma");
        await TestHost.TrustAsync(_alpha, _beta);
        await TestHost.TrustAsync(_alpha, gamma);
        await Wait.UntilAsync("beta hears of gamma", () => _beta.Room.Trust.Current.Peers.Any(peer => peer.Name == "gamma"), TimeSpan.FromMinutes(1));
        using (var connection = await gamma.Room.Connector.ConnectAsync("beta", default))
        {
            Assert.Equal("beta", connection.Peer.Name);
        }

        // Only who has the authority's key lets others in.
        var elsewhere = await Assert.ThrowsAsync<CommandException>(() => _beta.Room.Service.InviteAsync(TimeSpan.FromMinutes(1), null, default));
        Assert.Equal("NotTheAuthority", elsewhere.ErrorId);
        Assert.Contains("'alpha'", elsewhere.Message, StringComparison.Ordinal);

        _alpha.Room.Service.Remove("gamma");
        await Wait.UntilAsync("beta hears that gamma was removed", () => _beta.Room.Trust.Current.Peers.All(peer => peer.Name != "gamma"), TimeSpan.FromMinutes(1));
        Assert.Equal("PeerRefused", (await Assert.ThrowsAsync<CommandException>(() => gamma.Room.Connector.ConnectAsync("beta", default))).ErrorId);
    }

    [Fact]
    [Requirement("LM-7")]
    public async Task Certificates_are_renewed_in_time_and_refused_after_their_end()
    {
        var clock = new ShiftedClock();
        await using var gamma = new TestHost("gamma", clock);
        await TestHost.TrustAsync(_alpha, gamma);
        var old = gamma.Room.Trust.Current.File.Certificate;
        await gamma.Room.Keeper.LookAsync(default);
        Assert.Equal(old, gamma.Room.Trust.Current.File.Certificate);

        clock.Offset = _clock.Offset = TimeSpan.FromDays(300);
        await _alpha.Room.Keeper.LookAsync(default);
        await gamma.Room.Keeper.LookAsync(default);
        Assert.NotEqual(old, gamma.Room.Trust.Current.File.Certificate);
        clock.Offset = _clock.Offset = TimeSpan.FromDays(500);
        (await gamma.Room.Connector.ConnectAsync("alpha", default)).Dispose();

        clock.Offset = _clock.Offset = TimeSpan.FromDays(700);
        var late = await Assert.ThrowsAsync<CommandException>(() => gamma.Room.Connector.ConnectAsync("alpha", default));
        Assert.Equal("PeerNotTrusted", late.ErrorId);
        Assert.Contains("expired", late.Message, StringComparison.Ordinal);

        // The other side looks at the end too, whatever the caller believes.
        clock.Offset = TimeSpan.FromDays(500);
        Assert.Contains("expired", (await Assert.ThrowsAsync<CommandException>(() => gamma.Room.Connector.ConnectAsync("alpha", default))).Message, StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("LM-7")]
    public async Task Hosts_of_another_authority_and_hosts_that_nobody_knows_are_refused()
    {
        await using var gamma = new TestHost("gamma");
        await using var delta = new TestHost("delta");
        await TestHost.TrustAsync(_alpha, _beta);
        await TestHost.TrustAsync(gamma, delta);
        Assert.Equal("PeerNotTrusted", (await Assert.ThrowsAsync<CommandException>(() => delta.Room.Connector.ConnectAsync(_alpha.Address, default))).ErrorId);
        Assert.Equal("OtherAuthority", (await RefusedAsync(delta, await InviteAsync())).ErrorId);

        // A stranger that takes whoever answers gets no further than the handshake.
        _alpha.Room.Trust.Change(file => file with { Invitations = [] });
        var state = delta.Room.Trust.Current;
        var address = System.Net.IPEndPoint.Parse(_alpha.Address);
        using (var stranger = PeerConnection.AsGuest(new PeerTarget("alpha", address, null), state, 1, TimeProvider.System, isBlind: true))
        {
            await Assert.ThrowsAsync<CommandException>(() => stranger.GetAsync(PeerGate.HelloPath, PeerJson.Default.PeerHello, default));
        }

        Assert.Contains(_alpha.Told("PeerRefused"), told => told.Contains("not from the authority", StringComparison.Ordinal));

        // A certificate of the authority is not enough.
        _alpha.Room.Trust.Change(file => file with { Peers = [] });
        var unknown = await Assert.ThrowsAsync<CommandException>(() => _beta.Room.Connector.ConnectAsync("alpha", default));
        Assert.Equal(("PeerRefused", ErrorCategory.PermissionDenied), (unknown.ErrorId, unknown.Category));
        Assert.Contains("no peer", unknown.Message, StringComparison.Ordinal);

        Assert.Equal("PeerNotFound", (await Assert.ThrowsAsync<CommandException>(() => _beta.Room.Connector.ConnectAsync("nobody", default))).ErrorId);
        await using var lonely = new TestHost("lonely");
        Assert.Equal("PeerNotTrusted", (await Assert.ThrowsAsync<CommandException>(() => lonely.Room.Connector.ConnectAsync("alpha", default))).ErrorId);
    }

    [Fact]
    public void Keys_are_for_the_owner_only() =>
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_alpha.TrustFile));

    private static void AssertMismatch(CommandException error)
    {
        Assert.Equal(("PeerVersionMismatch", ErrorCategory.ProtocolError), (error.ErrorId, error.Category));
        Assert.Contains("2 and 3", error.Message, StringComparison.Ordinal);
        Assert.Contains("1", error.Message, StringComparison.Ordinal);
    }

    private async Task<string> InviteAsync() => (await _alpha.Room.Service.InviteAsync(TimeSpan.FromMinutes(10), null, default)).ToString();

    private static Task<CommandException> RefusedAsync(TestHost guest, string token) => Assert.ThrowsAsync<CommandException>(() => guest.Room.Service.JoinAsync(token, default));
}
