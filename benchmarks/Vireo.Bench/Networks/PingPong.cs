using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Vireo.Bench.Networks;

/// <summary>A datagram there and back, again and again: <c>vireo-bench ping-pong answer</c>, <c>vireo-bench ping-pong ask ADDRESS COUNT</c>.</summary>
internal static class PingPong
{
    /// <summary>The word.</summary>
    public const string Verb = "ping-pong";

    private const int Port = 7007;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(1);

    /// <summary>Asks or answers.</summary>
    public static int Run(IReadOnlyList<string> arguments)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        var bytes = new byte[18];
        if (arguments[0] == "answer")
        {
            socket.Bind(new IPEndPoint(IPAddress.Any, Port));
            var from = new SocketAddress(AddressFamily.InterNetwork);
            while (true)
            {
                var length = socket.ReceiveFrom(bytes, SocketFlags.None, from);
                socket.SendTo(bytes.AsSpan(0, length), SocketFlags.None, from);
            }
        }

        socket.Connect(IPAddress.Parse(arguments[1]), Port);
        socket.ReceiveTimeout = 200;
        List<double> times = [];
        var lost = 0;
        var count = int.Parse(arguments[2], CultureInfo.InvariantCulture);
        for (var i = -200; i < count; i++)
        {
            Thread.Sleep(s_pause); // Allowed: the pause is what is measured with: whoever sleeps when nothing comes has to wake up.
            BitConverter.TryWriteBytes(bytes, i);
            var begin = Stopwatch.GetTimestamp();
            socket.Send(bytes);
            try
            {
                do
                {
                    socket.Receive(bytes);
                }
                while (BitConverter.ToInt32(bytes) != i);
                if (i >= 0)
                {
                    times.Add(Stopwatch.GetElapsedTime(begin).TotalMicroseconds);
                }
            }
            catch (SocketException)
            {
                lost += i >= 0 ? 1 : 0;
            }
        }

        times.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{times[times.Count / 2]:0.0} {times[(int)(times.Count * 0.99)]:0.0} {lost}"));
        return 0;
    }
}
