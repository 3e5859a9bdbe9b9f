using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Vireo.Bench.Mobility;

/// <summary>
/// Listens to a guest, in a process of its own in the network of who asks: <c>vireo-bench listen ADDRESS</c>. An echo request (ICMP) every millisecond, and a TCP connection that stays
/// open and whose bytes must come back in order. <c>watch</c> on its input begins, <c>tell</c> has it say what it heard since, as <c>LONGEST LOST SENT STREAM</c>: milliseconds between two
/// answers, requests without an answer, requests, milliseconds between two pieces of the stream.
/// </summary>
internal sealed class Listener : IDisposable
{
    /// <summary>The word.</summary>
    public const string Verb = "listen";

    /// <summary>Where the guest sends back what comes.</summary>
    public const int Port = 7007;

    private const int HeaderBytes = 20;
    private const int RequestBytes = 8 + 8;
    private const int PieceBytes = 64;
    private const int PiecesEvery = 10;
    private const ushort Identifier = 0x5642;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(1);

    // An answer that takes longer counts as lost.
    private static readonly TimeSpan s_afterwards = TimeSpan.FromSeconds(2);
    private readonly Socket _requests = new(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Icmp);
    private readonly Socket _stream = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly Lock _lock = new();
    private readonly List<(long Number, long At)> _answers = [];
    private readonly List<long> _pieces = [];
    private long _sent;
    private volatile bool _isAsking;
    private volatile string? _broken;

    private Listener(IPAddress address)
    {
        _requests.Connect(address, 0);
        _stream.Connect(address, Port);
    }

    /// <summary>Does it until its input ends.</summary>
    public static int Run(IReadOnlyList<string> arguments)
    {
        using var listener = new Listener(IPAddress.Parse(arguments[0]));
        foreach (var work in new Action[] { listener.Ask, listener.HearAnswers, listener.HearStream })
        {
            new Thread(() => work()) { IsBackground = true }.Start();
        }

        for (var from = 0L; Console.ReadLine() is { } line;)
        {
            if (line == "watch")
            {
                from = listener.Begin();
                Console.WriteLine("watching");
            }
            else
            {
                Console.WriteLine(listener.Tell(from));
            }
        }

        return 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _requests.Dispose();
        _stream.Dispose();
    }

    private long Begin()
    {
        lock (_lock)
        {
            _answers.Clear();
            _pieces.Clear();
        }

        _isAsking = true;
        return Interlocked.Read(ref _sent);
    }

    private string Tell(long from)
    {
        _isAsking = false;
        var sent = Interlocked.Read(ref _sent) - from;
        Thread.Sleep(s_afterwards); // Allowed: so long an answer may take.
        lock (_lock)
        {
            var heard = _answers.Where(answer => answer.Number >= from).ToList();
            return _broken is { } broken ? broken : string.Create(
                CultureInfo.InvariantCulture, $"{Longest(heard.Select(static answer => answer.At)):0.0} {sent - heard.Select(static answer => answer.Number).Distinct().Count()} {sent} {Longest(_pieces):0.0}");
        }
    }

    private static double Longest(IEnumerable<long> times)
    {
        var all = times.ToList();
        return all.Count < 2 ? double.PositiveInfinity : all.Zip(all.Skip(1), static (first, second) => Stopwatch.GetElapsedTime(first, second).TotalMilliseconds).Max();
    }

    private void Ask()
    {
        var request = new byte[RequestBytes];
        var piece = new byte[PieceBytes];
        var count = 0L;
        while (true)
        {
            Thread.Sleep(s_pause); // Allowed: it is what is measured with.
            if (!_isAsking)
            {
                continue;
            }

            Fill(request, Interlocked.Increment(ref _sent) - 1);
            try
            {
                _requests.Send(request);
            }
            catch (SocketException)
            {
                // As good as lost.
            }

            if (++count % PiecesEvery == 0 && _broken is null)
            {
                BinaryPrimitives.WriteInt64LittleEndian(piece, count);
                try
                {
                    _stream.Send(piece);
                }
                catch (SocketException failed)
                {
                    _broken = $"the connection broke: {failed.Message}";
                }
            }
        }
    }

    // Echo request (RFC 792): type 8, code 0, checksum, identifier, sequence; the whole number follows, since the sequence has sixteen bits.
    private static void Fill(Span<byte> request, long number)
    {
        request.Clear();
        request[0] = 8;
        BinaryPrimitives.WriteUInt16BigEndian(request[4..], Identifier);
        BinaryPrimitives.WriteUInt16BigEndian(request[6..], (ushort)number);
        BinaryPrimitives.WriteInt64BigEndian(request[8..], number);
        var sum = 0;
        for (var i = 0; i < request.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(request[i..]);
        }

        sum = (sum & 0xFFFF) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(request[2..], (ushort)~(sum + (sum >> 16)));
    }

    private void HearAnswers()
    {
        var packet = new byte[1500];
        while (true)
        {
            var count = _requests.Receive(packet);
            var answer = packet.AsSpan(0, count);
            if (count == HeaderBytes + RequestBytes && answer[HeaderBytes] == 0 && BinaryPrimitives.ReadUInt16BigEndian(answer[(HeaderBytes + 4)..]) == Identifier)
            {
                lock (_lock)
                {
                    _answers.Add((BinaryPrimitives.ReadInt64BigEndian(answer[(HeaderBytes + 8)..]), Stopwatch.GetTimestamp()));
                }
            }
        }
    }

    private void HearStream()
    {
        var piece = new byte[PieceBytes];
        for (var expected = (long)PiecesEvery; ; expected += PiecesEvery)
        {
            for (var filled = 0; filled < piece.Length;)
            {
                var count = _stream.Receive(piece, filled, piece.Length - filled, SocketFlags.None);
                if (count == 0)
                {
                    _broken = "the guest closed the connection";
                    return;
                }

                filled += count;
            }

            if (BinaryPrimitives.ReadInt64LittleEndian(piece) != expected)
            {
                _broken = $"piece {expected} of the stream did not come back";
                return;
            }

            lock (_lock)
            {
                _pieces.Add(Stopwatch.GetTimestamp());
            }
        }
    }
}
