using Vireo.Platform.Events;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Extensions;

public sealed class UpgradeTests
{
    [Fact]
    [Requirement("SW-10")]
    public async Task An_upgrade_under_traffic_loses_no_frame_and_keeps_what_the_old_version_knew()
    {
        using var reactor = new Reactor("test-packets");
        await using var network = new ExtendedSwitch(reactor);
        var id = Guid.NewGuid();
        var package = network.Install("CountingCapture", "Capture", id);
        await network.EnableAsync(package);
        var (a, _) = await network.AddPortAsync();
        var (b, portB) = await network.AddPortAsync();
        await reactor.InvokeAsync(() => b.Inject(Ethernet(MacAddress.Broadcast, Station(2))));
        var frame = Ethernet(Station(2), Station(1));
        long sent = 0;
        long received = 0;
        using var stop = new CancellationTokenSource();
        var traffic = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await reactor.InvokeAsync(() =>
                {
                    for (var i = 0; i < 100; i++)
                    {
                        a.Inject(frame);
                        sent++;
                        received += b.Drain();
                    }
                });
            }
        });
        for (var version = 1; version <= 20; version++)
        {
            var before = Volatile.Read(ref sent);
            await Wait.UntilAsync("traffic", () => Volatile.Read(ref sent) > before);
            var next = network.Install("CountingCapture", "Capture", id, $"1.{version}.0");
            var instance = await network.Chain.PrepareUpgradeAsync(next);
            await network.Chain.UpgradeAsync(instance!);
            Assert.Equal($"1.{version}.0", network.Chain.Describe()[0].Version);
        }

        await stop.CancelAsync();
        await traffic;
        Assert.Equal(sent, received);
        Assert.DoesNotContain(portB.Dropped, count => count > 0);

        // Frames that pass between the question and the swap are counted by the old version only.
        var counted = (await network.DataAsync(package)).GetProperty("Frames").GetInt64();
        Assert.InRange(counted, 1, (2 * sent) + 2);
        await Wait.UntilAsync("the old versions to leave memory", () =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return network.Room.Unloading == 0;
        });
    }
}
