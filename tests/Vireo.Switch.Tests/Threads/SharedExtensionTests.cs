using Vireo.Switch.Extensions;
using Vireo.Switch.Tests.Support;
using Vireo.Switch.Threads;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Threads;

public sealed class SharedExtensionTests
{
    [Fact]
    [Requirement("SW-8")]
    [Requirement("IO-3")]
    public async Task One_packet_thread_at_a_time_is_inside_an_extension()
    {
        const int frames = 20_000;
        using var threads = await PacketThreads.StartAsync(2, TimeProvider.System);
        await using (var network = new ExtendedSwitch(limits: new ExtensionLimits { Budget = TimeSpan.FromHours(1) }, threads: threads))
        {
            // It counts without any care for threads: what two do at a time gets lost.
            var counting = network.Install("CountingCapture", "Capture");
            await network.EnableAsync(counting);
            var ports = new[] { await network.AddPortAsync(), await network.AddPortAsync(), await network.AddPortAsync(), await network.AddPortAsync() };
            await threads.MoveAsync([.. ports.Select((port, place) => (port.Port, threads.All[place / 2]))]);
            await threads.StopAsync(() =>
            {
                for (var i = 0; i < 4; i++)
                {
                    ports[i].End.Inject(Ethernet(Station(1 + (i ^ 1)), Station(1 + i)));
                    threads.EmptyRings();
                }
            });
            var before = (await network.DataAsync(counting)).GetProperty("Frames").GetInt64();
            await Task.WhenAll(new[] { 0, 2 }.Select(from => threads.All[from / 2].Reactor.InvokeAsync(() =>
            {
                var frame = Ethernet(Station(2 + from), Station(1 + from));
                for (var i = 0; i < frames; i++)
                {
                    ports[from].End.Inject(frame);
                    ports[from + 1].End.Drain();
                }
            })));

            // Each where it enters and where it leaves.
            Assert.Equal(4 * frames, (await network.DataAsync(counting)).GetProperty("Frames").GetInt64() - before);
            Assert.Equal(0, network.Chain.Describe()[0].Statistics.Skipped);
        }

        await threads.StopTimersAsync();
    }
}
