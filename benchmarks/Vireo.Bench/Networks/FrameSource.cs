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
        var frame = SwitchBenchmark.Frame(int.Parse(arguments[3], CultureInfo.InvariantCulture), to: 2, from: 1);
        Convert.FromHexString(arguments[1].Replace(":", "", StringComparison.Ordinal)).CopyTo(frame, 0);
        Convert.FromHexString(arguments[2].Replace(":", "", StringComparison.Ordinal)).CopyTo(frame, 6);
        var seconds = double.Parse(arguments[4], CultureInfo.InvariantCulture);
        var rate = arguments.Count > 5 ? double.Parse(arguments[5], CultureInfo.InvariantCulture) : double.PositiveInfinity;
        var header = new byte[PacketSocket.HeaderBytes];
        long sent = 0;
        var begin = Stopwatch.GetTimestamp();
        for (double now = 0; now < seconds; now = Stopwatch.GetElapsedTime(begin).TotalSeconds)
        {
            // In bursts of 32.
            if (sent > now * rate)
            {
                Thread.Yield();
                continue;
            }

            for (var i = 0; i < 32; i++)
            {
                sent += socket.Send(header, frame) >= 0 ? 1 : 0;
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{sent / seconds / 1e6:0.0000}"));
        return 0;
    }
}
