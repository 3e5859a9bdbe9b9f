using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Authentication;
using Vireo.Host.Peers;
using Vireo.Storage.NbdClient;
using Vireo.Testing;

namespace Vireo.Host.Tests.Peers;

/// <summary>Certificates for one piece of work between two hosts: QEMU and the storage plane take them, and nobody else gets in.</summary>
public sealed class SessionCredentialsTests : IDisposable
{
    private static readonly Guid s_alpha = Guid.NewGuid();
    private static readonly Guid s_beta = Guid.NewGuid();
    private readonly TempFolder _folder = new();

    public SessionCredentialsTests()
    {
        using var alpha = SessionCredentials.Create(s_alpha, DateTimeOffset.UtcNow);
        using var beta = SessionCredentials.Create(s_beta, DateTimeOffset.UtcNow);
        using var other = SessionCredentials.Create(s_beta, DateTimeOffset.UtcNow);
        alpha.Write(_folder["alpha"], beta.Authority);
        beta.Write(_folder["beta"], alpha.Authority);

        // The same hosts, another piece of work.
        other.Write(_folder["other"], alpha.Authority);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Requirement("LM-7")]
    public async Task Qemu_takes_them_and_lets_in_nobody_else()
    {
        var socket = _folder["nbd"];
        File.WriteAllBytes(_folder["disk.raw"], new byte[1 << 20]);
        using var server = Process.Start(new ProcessStartInfo(
            "qemu-nbd",
            ["--object", $"tls-creds-x509,id=tls,endpoint=server,verify-peer=yes,dir={_folder["alpha"]}", "--tls-creds", "tls", "-f", "raw", "-r", "-t", "-k", socket, _folder["disk.raw"]]))!;
        try
        {
            await Wait.UntilAsync("qemu-nbd listens", () => File.Exists(socket) || server.HasExited, TimeSpan.FromMinutes(1));
            Assert.Equal(0, Info(socket, "beta", SessionCredentials.HostNameOf(new PeerHost(s_alpha, "alpha"))).ExitCode);
            Assert.NotEqual(0, Info(socket, "beta", SessionCredentials.HostNameOf(new PeerHost(s_beta, "beta"))).ExitCode);
            Assert.NotEqual(0, Info(socket, "other", SessionCredentials.HostNameOf(new PeerHost(s_alpha, "alpha"))).ExitCode);
        }
        finally
        {
            server.Kill();
            await server.WaitForExitAsync();
        }
    }

    [Theory]
    [InlineData("beta", true, true)]
    [InlineData("beta", false, false)]
    [InlineData("other", true, false)]
    [Requirement("LM-7")]
    public async Task The_storage_plane_takes_them_and_lets_in_nobody_else(string client, bool rightName, bool isLetIn)
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(_folder["socket"]));
        listener.Listen();
        using var near = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await near.ConnectAsync(new UnixDomainSocketEndPoint(_folder["socket"]));
        using var far = await listener.AcceptAsync();
        using var mine = TlsFolder.Load(_folder[client], isServer: false);
        using var theirs = TlsFolder.Load(_folder["alpha"], isServer: true);
        var connecting = ConnectAsync(mine, near, PeerProtocol.CertificateName(rightName ? s_alpha : s_beta));
        var accepting = AcceptAsync(theirs, far);
        Assert.Equal(isLetIn, await connecting && await accepting);
    }

    [Fact]
    public void Folders_are_closed_to_others_and_replaced_whole()
    {
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Assert.Equal(Owner | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder["alpha"]));
        Assert.All(Directory.GetFiles(_folder["alpha"]), file => Assert.Equal(Owner, File.GetUnixFileMode(file)));
        using var again = SessionCredentials.Create(s_alpha, DateTimeOffset.UtcNow);
        Assert.Throws<System.Security.Cryptography.CryptographicException>(() => again.Write(_folder["alpha"], File.ReadAllText(_folder["beta/client-cert.pem"])));
        again.Write(_folder["alpha"], again.Authority, group: 0);
        Assert.All(Directory.GetFiles(_folder["alpha"]), file => Assert.Equal(Owner | UnixFileMode.GroupRead, File.GetUnixFileMode(file)));
        SessionCredentials.Delete(_folder["alpha"]);
        Assert.False(Directory.Exists(_folder["alpha"]));
        SessionCredentials.Delete(_folder["alpha"]);
    }

    private PeerResult Info(string socket, string folder, string name) => Peer.TryRun(
        "qemu-img", "info", "--object", $"tls-creds-x509,id=tls,endpoint=client,dir={_folder[folder]}", "--image-opts",
        $"driver=nbd,server.type=unix,server.path={socket},tls-creds=tls,tls-hostname={name}");

    private static async Task<bool> ConnectAsync(TlsFolder folder, Socket socket, string name)
    {
        try
        {
            await using var stream = await folder.ConnectAsync(new NetworkStream(socket, ownsSocket: true), name, default);

            // Who answers has the last word.
            return await stream.ReadAsync(new byte[1]) == 1;
        }
        catch (Exception refused) when (refused is AuthenticationException or IOException)
        {
            return false;
        }
    }

    private static async Task<bool> AcceptAsync(TlsFolder folder, Socket socket)
    {
        try
        {
            await using var stream = await folder.AcceptAsync(new NetworkStream(socket, ownsSocket: true), PeerProtocol.CertificateName(s_beta), default);
            await stream.WriteAsync(new byte[1]);
            return true;
        }
        catch (Exception refused) when (refused is AuthenticationException or IOException)
        {
            return false;
        }
    }
}
