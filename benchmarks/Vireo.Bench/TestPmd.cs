using System.Diagnostics;
using System.Globalization;

namespace Vireo.Bench;

/// <summary>
/// dpdk-testpmd as two guests with virtio-user adapters on one processor: it puts frames into the first and sends what comes out of the
/// second into the first again, without looking at them. Fewer frames circulate than a ring holds, so none is lost and the rate is the
/// switch's. It listens at both sockets; the switch connects.
/// </summary>
internal sealed class TestPmd
{
    private const int Bursts = 16;
    private readonly Process _process;
    private readonly List<string> _lines = [];

    /// <summary>Starts it; the first socket is there when this returns, the second when the switch has connected to the first.</summary>
    public TestPmd(Children children, string folder, int mainProcessor, int processor)
    {
        Sockets = [Path.Combine(folder, "vu0.sock"), Path.Combine(folder, "vu1.sock")];
        List<string> arguments =
        [
            "-oL", "dpdk-testpmd", "-l", $"{mainProcessor},{processor}", "--main-lcore", $"{mainProcessor}", "--in-memory", "--single-file-segments", "-m", "256", "--no-pci",
            "--iova-mode=va", "--file-prefix", $"vireo{Environment.ProcessId}",
        ];
        for (var i = 0; i < 2; i++)
        {
            arguments.Add($"--vdev=net_virtio_user{i},path={Sockets[i]},server=1,queues=1,queue_size=1024,mac=52:54:00:00:00:0{i}");
        }

        arguments.AddRange(["--", "-i", "--nb-cores=1", "--total-num-mbufs=16384", "--no-lsc-interrupt", "--txd=1024", "--rxd=1024"]);
        _process = children.Start("stdbuf", arguments, line =>
        {
            lock (_lines)
            {
                _lines.Add(line);
            }
        });

        // It waits for the first adapter's switch before it makes the next socket.
        Until("its first socket", () => File.Exists(Sockets[0]));
    }

    /// <summary>Where it listens.</summary>
    public IReadOnlyList<string> Sockets { get; }

    /// <summary>Waits until the switch has connected, and sets the addresses.</summary>
    public void Begin()
    {
        Say("set eth-peer 0 52:54:00:00:00:01");
        Say("set eth-peer 1 52:54:00:00:00:00");
        Say("show config fwd");
        Until("its prompt", () => Read("forwarding").Count > 0);
    }

    /// <summary>Frames a second, in millions, that come out of the second adapter: one figure for each of several windows of time.</summary>
    /// <param name="frameBytes">Length of the frames.</param>
    /// <param name="warmUp">Before the first window: what is compiled while it runs takes some seconds to be compiled well.</param>
    /// <param name="window">One window.</param>
    /// <param name="windows">How many.</param>
    public IReadOnlyList<double> Measure(int frameBytes, TimeSpan warmUp, TimeSpan window, int windows)
    {
        Say("set fwd rxonly");
        Say("start");
        Thread.Sleep(500); // Allowed: what still circulates is drained; nothing tells when.
        Say("stop");
        Say("set fwd io");
        Say(string.Create(CultureInfo.InvariantCulture, $"set txpkts {frameBytes}"));
        Say(string.Create(CultureInfo.InvariantCulture, $"start tx_first {Bursts}"));
        Thread.Sleep(warmUp); // Allowed: the measured time begins when the rate is steady.
        Rate();
        List<double> rates = [];
        for (var i = 0; i < windows; i++)
        {
            Thread.Sleep(window); // Allowed: this is the measured time.
            rates.Add(Rate());
        }

        Say("stop");
        return rates;
    }

    /// <summary>Since the last time.</summary>
    private double Rate()
    {
        var before = Read("Rx-pps").Count;
        Say("show port stats 1");
        Until("the rate", () => Read("Rx-pps").Count > before);
        return double.Parse(Read("Rx-pps")[^1].Split(':')[1].Trim().Split(' ')[0], CultureInfo.InvariantCulture) / 1e6;
    }

    private void Say(string command)
    {
        _process.StandardInput.WriteLine(command);
        _process.StandardInput.Flush();
    }

    private List<string> Read(string word)
    {
        lock (_lines)
        {
            return [.. _lines.Where(line => line.Contains(word, StringComparison.Ordinal))];
        }
    }

    private void Until(string what, Func<bool> condition)
    {
        var deadline = Stopwatch.GetTimestamp() + (30 * Stopwatch.Frequency);
        while (!condition())
        {
            if (_process.HasExited || Stopwatch.GetTimestamp() > deadline)
            {
                throw new InvalidOperationException($"dpdk-testpmd did not show {what}: {string.Join(Environment.NewLine, Read(""))}");
            }

            Thread.Sleep(20); // Allowed: it tells only by what it prints.
        }
    }
}
