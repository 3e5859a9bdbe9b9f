using System.Diagnostics;
using System.Globalization;
using Vireo.Platform.Net;

namespace Vireo.Bench.Networks;

/// <summary>Sends frames from an interface: <c>vireo-bench send-frames INTERFACE TO FROM BYTES SECONDS [FRAMES-A-SECOND]</c>.</summary>
internal static class FrameSource
{
    /// <summary>The word.</summary>
    public const string Verb = "send-frames";

    /// <summary>Sends, and prints how many millions a second it were.</summary>
    public static int Run(IReadOnlyList<string> arguments)
    {
        using var socket = PacketSocket.Open(arguments[0]);
        var frame = GC.AllocateArray<byte>(int.Parse(arguments[3], CultureInfo.InvariantCulture), pinned: true);
        SwitchBenchmark.Frame(frame.Length, to: 2, from: 1).CopyTo(frame, 0);
        Convert.FromHexString(arguments[1].Replace(":", "", StringComparison.Ordinal)).CopyTo(frame, 0);
        Convert.FromHexString(arguments[2].Replace(":", "", StringComparison.Ordinal)).CopyTo(frame, 6);
        var seconds = double.Parse(arguments[4], CultureInfo.InvariantCulture);
        var rate = arguments.Count > 5 ? double.Parse(arguments[5], CultureInfo.InvariantCulture) : double.PositiveInfinity;
        var header = new byte[PacketSocket.HeaderBytes];
        const int burst = 32;
        long sent = 0;
        var begin = Stopwatch.GetTimestamp();
        for (double now = 0; now < seconds; now = Stopwatch.GetElapsedTime(begin).TotalSeconds)
        {
            if (sent > now * rate)
            {
                Thread.Yield();
                continue;
            }

            for (var i = 0; i < burst; i++)
            {
                socket.Add(header, frame, []);
            }

            // What the kernel has no room for is left out.
            for (var first = 0; first < burst;)
            {
                var taken = socket.Send(first);
                sent += Math.Max(0, taken);
                first += Math.Max(1, taken);
            }

            socket.ClearSending();
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{sent / seconds / 1e6:0.0000}"));
        return 0;
    }
}
