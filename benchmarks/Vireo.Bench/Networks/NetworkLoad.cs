using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Vireo.Bench.Networks;

/// <summary>What is asked of a switch between two computers.</summary>
internal sealed class NetworkLoad(TwoHosts hosts, Children children, bool isProcess, int seconds)
{
    /// <summary>One TCP stream from left to right, in Gbit/s.</summary>
    public async Task<double> TcpAsync()
    {
        // The receiver beside the sender where the switch has a processor for itself; it then may use both.
        children.Start("ip", Exec(hosts.Right, isProcess ? "0,1" : Processors.Switch, "iperf3", "-s", "-1"), _ => { });
        await Task.Delay(500);
        var json = await Tool.OutputAsync(
            "ip", Exec(hosts.Left, Processors.Hosts, "timeout", $"{seconds + 10}", "iperf3", "-c", TwoHosts.RightAddress, "-t", $"{seconds}", "-O", "1", "-J"));
        using var report = JsonDocument.Parse(json);
        return report.RootElement.GetProperty("end").GetProperty("sum_received").GetProperty("bits_per_second").GetDouble() / 1e9;
    }

    /// <summary>Short frames from left to right as fast as they can be sent, in millions a second that arrive.</summary>
    public async Task<double> FramesAsync(int bytes)
    {
        await LearnAsync();
        var source = Send(bytes, seconds + 2, null);
        await Task.Delay(1000);
        var before = await hosts.ReceivedAsync();
        var begin = Stopwatch.GetTimestamp();
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        var after = await hosts.ReceivedAsync();
        var passed = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        await source;
        return (after - before) / passed / 1e6;
    }

    /// <summary>There and back: the middle and the 99th of a hundred, in microseconds, with so many short frames a second passing meanwhile.</summary>
    public async Task<(double Median, double NinetyNinth, int Lost)> LatencyAsync(double framesPerSecond)
    {
        await LearnAsync();
        var answer = children.Start("ip", Exec(hosts.Right, Processors.Hosts, Self(PingPong.Verb, "answer")), _ => { });
        var load = framesPerSecond > 0 ? Send(64, 8, framesPerSecond) : Task.CompletedTask;
        await Task.Delay(1000);
        var told = (await Tool.OutputAsync("ip", Exec(hosts.Left, Processors.Hosts, Self(PingPong.Verb, "ask", TwoHosts.RightAddress, "2000")))).Split(' ');
        answer.Kill(entireProcessTree: true);
        await load;
        return (Number(told[0]), Number(told[1]), (int)Number(told[2]));
    }

    /// <summary>What a process does while nobody sends: percent of a processor, and wake-ups a second.</summary>
    public static async Task<(double Percent, double WakeUps)> IdleAsync(int process)
    {
        // What was compiled for the load settles.
        await Task.Delay(TimeSpan.FromSeconds(10));
        var (ticks, switches) = Read(process);
        await Task.Delay(TimeSpan.FromSeconds(10));
        var (ticksThen, switchesThen) = Read(process);
        return ((ticksThen - ticks) / 10.0, (switchesThen - switches) / 10.0);

        static (long Ticks, long Switches) Read(int process)
        {
            var fields = File.ReadAllText($"/proc/{process}/stat").Split(") ")[1].Split(' ');
            var switches = Directory.GetDirectories($"/proc/{process}/task").Sum(
                task => long.Parse(File.ReadLines(Path.Combine(task, "status")).First(line => line.StartsWith("voluntary", StringComparison.Ordinal)).Split('\t')[1], CultureInfo.InvariantCulture));
            return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture), switches);
        }
    }

    // A few frames from the right, so that the switch knows where it is.
    private Task LearnAsync() =>
        Tool.OutputAsync("ip", Exec(hosts.Right, Processors.Hosts, Self(FrameSource.Verb, "p0", TwoHosts.LeftMac, TwoHosts.RightMac, "64", "0.01")));

    private Task<string> Send(int bytes, int during, double? rate) => Tool.OutputAsync(
        "ip",
        Exec(hosts.Left, Processors.Hosts, [.. Self(FrameSource.Verb, "p0", TwoHosts.RightMac, TwoHosts.LeftMac, $"{bytes}", $"{during}"), .. rate is { } limit ? [limit.ToString(CultureInfo.InvariantCulture)] : Array.Empty<string>()]));

    private static string[] Exec(string where, string processors, params string[] command) => ["netns", "exec", where, "taskset", "-c", processors, .. command];

    private static string[] Self(params string[] arguments) => ["dotnet", Environment.GetCommandLineArgs()[0], .. arguments];

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
