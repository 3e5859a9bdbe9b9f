using System.Text.Json.Nodes;
using Vireo.Testing;
using Vireo.Testing.Hosts;

namespace Vireo.Host.Tests.Peers;

/// <summary>
/// Two hosts, each with a root folder, a network namespace and a name of its own, and a cable between them: processes as users run them. They trust each other
/// and take machines unless told otherwise.
/// </summary>
internal sealed class TwoHosts : IAsyncDisposable
{
    private TwoHosts()
    {
        First = new Side("alpha", NetworkLink.FirstAddress);
        Second = new Side("beta", NetworkLink.SecondAddress);
        Link = NetworkLink.Connect(First.Network.Name, Second.Network.Name);
    }

    public Side First { get; }

    public Side Second { get; }

    /// <summary>The cable.</summary>
    public NetworkLink Link { get; }

    /// <summary>Starts them.</summary>
    /// <param name="complete">With their storage and switch planes; else the host plane alone.</param>
    /// <param name="trusted">They trust each other, and migration is enabled over the cable.</param>
    public static async Task<TwoHosts> StartAsync(bool complete = false, bool trusted = true)
    {
        var hosts = new TwoHosts();
        try
        {
            await Task.WhenAll(hosts.First.StartAsync(complete), hosts.Second.StartAsync(complete));
            if (trusted)
            {
                await hosts.TrustAsync();
            }

            return hosts;
        }
        catch
        {
            await hosts.DisposeAsync();
            throw;
        }
    }

    /// <summary>Lets them trust each other, with the two commands, and enables migration.</summary>
    public async Task TrustAsync()
    {
        foreach (var side in new[] { First, Second })
        {
            await side.Client.ObjectsAsync("Add-VMMigrationNetwork", new { Subnet = NetworkLink.Subnet });
            await side.Client.ObjectsAsync("Enable-VMMigration", new { });
        }

        await Second.JoinAsync(await First.InviteAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await First.DisposeAsync();
        await Second.DisposeAsync();
    }

    /// <summary>One of them.</summary>
    internal sealed class Side(string name, string address) : IAsyncDisposable
    {
        private readonly TempFolder _root = new();
        private readonly List<PlaneProcess> _planes = [];
        private HostClient? _client;

        public string Name => name;

        /// <summary>Its address on the cable.</summary>
        public string Address => address;

        public NetworkNamespace Network { get; } = new();

        public string Root => _root.Path;

        public HostClient Client => _client ??= new HostClient(_root.Path);

        /// <summary>The host plane.</summary>
        public PlaneProcess Host { get; private set; } = null!;

        public async Task StartAsync(bool complete)
        {
            // The guests' user walks down to its sockets.
            File.SetUnixFileMode(_root.Path, (UnixFileMode)0b111_101_101);
            if (complete)
            {
                _planes.Add(await PlaneProcess.StartAsync("storage", _root.Path, networkNamespace: Network.Name));
                _planes.Add(await PlaneProcess.StartAsync("switch", _root.Path, networkNamespace: Network.Name));
            }

            await StartHostAsync();
        }

        /// <summary>Starts the host plane, to die at a place when it says one.</summary>
        public async Task StartHostAsync(string? crashAt = null)
        {
            if (Host is not null)
            {
                await Host.DisposeAsync();
            }

            Host = await PlaneProcess.StartAsync("host", _root.Path, crashAt, networkNamespace: Network.Name, hostName: name);
        }

        /// <summary><c>vireo trust invite</c>.</summary>
        public async Task<string> InviteAsync()
        {
            var (isDone, answer) = await Client.PostAsync("api/trust/invite", new { });
            Assert.True(isDone, answer.ToJsonString());
            return (string)answer["token"]!;
        }

        /// <summary><c>vireo trust join</c>.</summary>
        public async Task JoinAsync(string token)
        {
            var (isDone, answer) = await Client.PostAsync("api/trust/join", new { token });
            Assert.True(isDone, answer.ToJsonString());
        }

        /// <summary>Names of the hosts that it trusts.</summary>
        public async Task<IReadOnlyList<string>> PeersAsync() =>
            [.. (await Client.GetAsync("api/trust"))["peers"]!.AsArray().Where(peer => (string?)peer!["state"] == "Trusted").Select(peer => (string)((JsonObject)peer!)["name"]!)];

        public async ValueTask DisposeAsync()
        {
            _client?.Dispose();
            if (Host is not null)
            {
                await Host.DisposeAsync();
            }

            foreach (var plane in Enumerable.Reverse(_planes))
            {
                await plane.DisposeAsync();
            }

            Network.Dispose();
            _root.Dispose();
        }
    }
}
