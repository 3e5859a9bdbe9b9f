using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Vireo.Commands.Services;
using Vireo.Host.History;
using Vireo.Host.Peers;
using Vireo.Host.Settings;
using Vireo.Testing;

namespace Vireo.Host.Tests.Peers;

/// <summary>
/// What a host has for other hosts, in this process: files, endpoint, certificates and sockets are real, on a port of its own of the loopback. For tests that need no
/// machines: several hosts start in milliseconds.
/// </summary>
internal sealed class TestHost : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly HistoryDatabase _history;

    public TestHost(string name, TimeProvider? time = null, IReadOnlyList<IPeerRoutes>? routes = null, IReadOnlyList<int>? versions = null)
    {
        time ??= TimeProvider.System;
        _history = new HistoryDatabase(_folder["history.db"]);
        Events = new EventLog(_history, time, NullLogger<EventLog>.Instance);
        Settings = new NamedSettings(new HostSettingsService(_folder.Path, "tcg", new Random()), name);
        Settings.Change(settings => settings with { VirtualMachineMigrationEnabled = true, MigrationNetworks = [new MigrationNetwork("127.0.0.1/32", 0)], PeerPort = FreePort() });
        Room = new PeerRoom(_folder.Path, Settings, Events, time, NullLoggerFactory.Instance, routes ?? [], versions);
    }

    public IHostSettings Settings { get; }

    public EventLog Events { get; }

    public PeerRoom Room { get; private set; }

    public string Address => $"127.0.0.1:{Settings.Current.PeerPort}";

    public string TrustFile => _folder["trust.json"];

    /// <summary>Lets two hosts trust each other, as the two commands do.</summary>
    public static async Task TrustAsync(TestHost first, TestHost second) =>
        await second.Room.Service.JoinAsync((await first.Room.Service.InviteAsync(TimeSpan.FromMinutes(5), null, default)).ToString(), default);

    public IReadOnlyList<string> Told(string kind) => [.. Events.Last(1_000).Where(happened => happened.Kind == kind).Select(happened => happened.Message)];

    public async ValueTask DisposeAsync()
    {
        await Room.DisposeAsync();
        _history.Dispose();
        _folder.Dispose();
    }

    private static int FreePort()
    {
        while (true)
        {
            // Below those that the kernel gives to clients.
            var port = Random.Shared.Next(10_000, 32_000);
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException)
            {
                // Somebody has it.
            }
        }
    }

    private sealed class NamedSettings(IHostSettings inner, string name) : IHostSettings
    {
        public HostSettings Current => inner.Current;

        public HostFacts Facts { get; } = inner.Facts with { Name = name };

        public HostSettings Change(Func<HostSettings, HostSettings> change) => inner.Change(change);
    }
}
