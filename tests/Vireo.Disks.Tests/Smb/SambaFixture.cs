using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Vireo.Disks.Files;
using Vireo.Smb;
using Vireo.Testing;

namespace Vireo.Disks.Tests.Smb;

/// <summary>A file server that several tests share.</summary>
public sealed class SambaFixture : IDisposable
{
    public SambaServer Server { get; } = TestLogins.Start();

    public void Dispose() => Server.Dispose();
}

/// <summary>The logins of the tests, instead of a file that all processes of the machine would share.</summary>
internal sealed class TestLogins : ISmbLogins
{
    private static readonly ConcurrentDictionary<string, SmbLogin> s_logins = new(StringComparer.OrdinalIgnoreCase);

    [ModuleInitializer]
    internal static void Use() => SmbServers.Logins = new TestLogins();

    public static SambaServer Start(params string[] settings)
    {
        var server = new SambaServer(settings);
        Set(server, server.Password);
        return server;
    }

    public static void Set(SambaServer server, string password, bool encrypt = false) => s_logins[server.Address] = new SmbLogin(SambaServer.User, "", password, encrypt);

    public SmbLogin Find(string server, string share) =>
        s_logins.TryGetValue(server, out var login) ? login : throw new SmbException(SmbErrorKind.LoginMissing, $"this host has no login for the server '{server}'");
}
