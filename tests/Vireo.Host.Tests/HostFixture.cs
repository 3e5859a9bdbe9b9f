using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>A whole host, three processes in a network namespace of their own, for tests that leave it as they found it.</summary>
public sealed class HostFixture : IAsyncLifetime
{
    private readonly TempFolder _root = new();
    private readonly NetworkNamespace _network = new();
    private PlaneProcess? _storage;
    private PlaneProcess? _switching;
    private PlaneProcess? _host;

    internal HostClient Client { get; private set; } = null!;

    public string this[string name] => _root[name];

    public async Task InitializeAsync()
    {
        // The guests' user walks down to its sockets.
        File.SetUnixFileMode(_root.Path, (UnixFileMode)0b111_101_101);
        _storage = await PlaneProcess.StartAsync("storage", _root.Path);
        _switching = await PlaneProcess.StartAsync("switch", _root.Path, networkNamespace: _network.Name);
        _host = await PlaneProcess.StartAsync("host", _root.Path);
        Client = new HostClient(_root.Path);
        await Wait.UntilAsync(
            "the host to be ready", async () => (string?)(await Client.GetAsync("api/health"))["status"] == "ready", TimeSpan.FromSeconds(60),
            () => $"{_host.Log}\n{_switching.Log}\n{_storage.Log}");
    }

    /// <summary>Lets the host log in at a file server.</summary>
    internal void AddLogin(SambaServer server) => server.WriteLogin(_root["smb.json"]);

    /// <summary>Ends the switch plane without a chance to do anything, and starts it again.</summary>
    public async Task KillSwitchPlaneAsync()
    {
        await _switching!.KillAsync();
        _switching = await PlaneProcess.StartAsync("switch", _root.Path, networkNamespace: _network.Name);
    }

    public async Task DisposeAsync()
    {
        Client?.Dispose();
        foreach (var plane in new[] { _host, _switching, _storage }.OfType<PlaneProcess>())
        {
            await plane.DisposeAsync();
        }

        _network.Dispose();
        _root.Dispose();
    }
}
