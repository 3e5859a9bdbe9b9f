using Vireo.Commands.Framework;
using Vireo.Testing;

namespace Vireo.Host.Tests.Peers;

/// <summary>Hosts whose certificates an authority of their owner made, with openssl.</summary>
public sealed class OwnCertificateTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TestHost _alpha = new("alpha");
    private readonly TestHost _beta = new("beta");

    public OwnCertificateTests() => OpenSsl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-keyout", _folder["ca.key"], "-out", _folder["ca.pem"], "-days", "30", "-subj", "/CN=Example authority");

    public async ValueTask DisposeAsync()
    {
        await _alpha.DisposeAsync();
        await _beta.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    [Requirement("LM-7")]
    public async Task Two_hosts_with_certificates_of_their_owner_trust_each_other()
    {
        Make("alpha", "subjectAltName=DNS:alpha.example\nextendedKeyUsage=serverAuth,clientAuth\n");
        Make("beta", "subjectAltName=DNS:beta.example\nextendedKeyUsage=serverAuth,clientAuth\n");
        await UseAsync(_alpha, "alpha");
        await UseAsync(_beta, "beta");
        await TestHost.TrustAsync(_alpha, _beta);
        using var there = await _beta.Room.Connector.ConnectAsync("alpha", default);
        Assert.Equal(_alpha.Room.Trust.Current.HostId, there.Peer.Id);
        using var back = await _alpha.Room.Connector.ConnectAsync("beta.example", default);
        Assert.Equal("beta", back.Peer.Name);

        // A host without a certificate of it cannot be given one.
        await using var gamma = new TestHost("gamma");
        Assert.Equal("NotTheAuthority", (await Assert.ThrowsAsync<CommandException>(() => TestHost.TrustAsync(_alpha, gamma))).ErrorId);
        Assert.Equal("beta", Assert.Single(_alpha.Room.Trust.Current.Peers).Name);
    }

    [Fact]
    public async Task What_cannot_be_used_is_refused_with_the_reason()
    {
        Make("server", "subjectAltName=DNS:alpha.example\nextendedKeyUsage=serverAuth\n");
        Make("nameless", "extendedKeyUsage=serverAuth,clientAuth\n");
        Make("good", "subjectAltName=DNS:alpha.example\n");
        Assert.Contains("client's end", (await RefusedAsync("ca.pem", "server.pem", "server.key")).Message, StringComparison.Ordinal);
        Assert.Contains("names no host", (await RefusedAsync("ca.pem", "nameless.pem", "nameless.key")).Message, StringComparison.Ordinal);
        Assert.Contains("did not sign", (await RefusedAsync("good.pem", "nameless.pem", "nameless.key")).Message, StringComparison.Ordinal);
        await RefusedAsync("ca.pem", "good.pem", "server.key");
        await RefusedAsync("ca.pem", "good.key", "good.key");
        Assert.Null(_alpha.Room.Trust.Current.Certificate);
        await UseAsync(_alpha, "good");
        Assert.NotNull(_alpha.Room.Trust.Current.Certificate);
    }

    private async Task<CommandException> RefusedAsync(string authority, string certificate, string key)
    {
        var refused = await Assert.ThrowsAsync<CommandException>(async () => await _alpha.Room.Service.UseAsync(
            await File.ReadAllTextAsync(_folder[authority]), await File.ReadAllTextAsync(_folder[certificate]), await File.ReadAllTextAsync(_folder[key]), default));
        Assert.Equal("CertificateRefused", refused.ErrorId);
        return refused;
    }

    private async Task UseAsync(TestHost host, string name) => await host.Room.Service.UseAsync(
        await File.ReadAllTextAsync(_folder["ca.pem"]), await File.ReadAllTextAsync(_folder[$"{name}.pem"]), await File.ReadAllTextAsync(_folder[$"{name}.key"]), default);

    private void Make(string name, string extensions)
    {
        File.WriteAllText(_folder[$"{name}.ext"], extensions);

        // Of both kinds: keys on curves are made in no time.
        string[] kind = name == "alpha" ? ["-newkey", "rsa:2048"] : ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        OpenSsl(["req", "-new", .. kind, "-nodes", "-keyout", _folder[$"{name}.key"], "-out", _folder[$"{name}.csr"], "-subj", $"/CN={name}"]);
        OpenSsl(
            "x509", "-req", "-in", _folder[$"{name}.csr"], "-CA", _folder["ca.pem"], "-CAkey", _folder["ca.key"], "-set_serial", $"{Random.Shared.Next(1, int.MaxValue)}", "-days", "20",
            "-extfile", _folder[$"{name}.ext"], "-out", _folder[$"{name}.pem"]);
    }

    private static void OpenSsl(params string[] arguments) => Peer.Run("openssl", arguments);
}
