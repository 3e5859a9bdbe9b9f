using System.Buffers.Binary;
using Vireo.Extensions.OpenFlow;
using Vireo.Extensions.StatefulFirewall;
using Vireo.Switch.Sdk;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Switch;

/// <summary>
/// A controller that sends anything: <see cref="MessageHandler"/>, and with it <see cref="MatchParser"/> and <see cref="ActionParser"/>, answer or refuse, and never
/// throw; what they accepted is found again in the statistics. Rules of a firewall are read or refused.
/// </summary>
public sealed class OpenFlowFuzz
{
    private static readonly byte[] s_types = [0, 1, 2, 3, 5, 7, 9, 13, 14, 14, 14, 14, 18, 18, 20, 24, 30];

    [Fact]
    public void Every_message_is_answered_or_refused()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var pipeline = new Pipeline(TimeProvider.System);
        var handler = new MessageHandler(pipeline, new Datapath());
        List<byte[]> answers = [];
        for (var round = 0; round < 60_000; round++)
        {
            answers.Clear();
            var message = Build(random);
            handler.Handle(message, answers);
            Assert.All(answers, answer => Assert.Equal(answer.Length, BinaryPrimitives.ReadUInt16BigEndian(answer.AsSpan(2))));
            if (round % 1000 == 0)
            {
                var key = default(FlowKey);
                for (var i = 0; i < FlowKey.Length; i++)
                {
                    key[i] = (ulong)random.NextInt64();
                }

                pipeline.Find(0, key, 64);
                pipeline.Modify(Delete());
            }
        }

        // A well-formed entry still goes in after all that.
        pipeline.Modify(Delete());
        Assert.Equal(ProtocolError.None, pipeline.Modify(FlowMod(random, good: true)));
        Assert.Single(pipeline.Entries);
    }

    [Fact]
    public void Rules_are_read_or_refused()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        string[] words = ["Any", "TCP", "UDP", "ICMP", "6", "300", "10.0.0.0/8", "::1/64", "fe80::/129", "80", "80,443", "1-2", "2-1", "-", ",", "", "Inbound", "outbound", "::ffff:1.2.3.4", "0.0.0.0/0"];
        for (var round = 0; round < 20_000; round++)
        {
            string Word() => words[random.Next(words.Length)];
            try
            {
                _ = new Rule(new RuleSettings { Direction = Word(), Protocol = Word(), RemoteAddress = Word(), LocalPort = Word(), RemotePort = Word() });
            }
            catch (FormatException exception)
            {
                Assert.EndsWith(".", exception.Message, StringComparison.Ordinal);
            }
        }
    }

    private static byte[] Build(Random random)
    {
        var type = s_types[random.Next(s_types.Length)];
        var body = type switch
        {
            14 => FlowMod(random, good: random.Next(3) == 0),
            18 => Multipart(random),
            13 => PacketOut(random),
            _ => Noise(random, random.Next(64)),
        };
        if (random.Next(3) == 0 && body.Length > 0)
        {
            body[random.Next(body.Length)] = (byte)random.Next(256);
        }

        body = random.Next(8) == 0 ? body[..random.Next(body.Length + 1)] : body;
        byte[] message = [random.Next(20) == 0 ? (byte)1 : (byte)4, type, 0, 0, 0, 0, 0, 1, .. body];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)message.Length);
        return message;
    }

    private static byte[] FlowMod(Random random, bool good)
    {
        var body = new byte[40];
        body[16] = (byte)random.Next(good ? 4 : 12);
        body[17] = (byte)random.Next(good ? 1 : 6);
        BinaryPrimitives.WriteUInt16BigEndian(body.AsSpan(22), (ushort)random.Next(100));
        body.AsSpan(24, 12).Fill(0xFF);
        byte[] fields = good
            ? [0x80, 0, 0, 4, 0, 0, 0, 1, 0x80, 0, 10, 2, 8, 0, 0x80, 0, 20, 1, 6, 0x80, 0, 26, 2, 0, 80]
            : Fields(random);
        byte[] match = [0, 1, 0, (byte)(4 + fields.Length), .. fields];
        Array.Resize(ref match, (match.Length + 7) & ~7);
        byte[] action = random.Next(2) == 0
            ? [0, 0, 0, 16, 0, 0, 0, (byte)random.Next(1, 9), 0, 0, 0, 0, 0, 0, 0, 0]
            : [0, 25, 0, 16, 0x80, 0, (byte)(random.Next(2, 9) << 1), (byte)random.Next(good ? 6 : 0, 7), 2, 0, 0, 0, 0, 1, 0, 0];
        action = good ? [0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0] : action;
        return [.. body, .. match, 0, 4, 0, (byte)(8 + action.Length), 0, 0, 0, 0, .. action];
    }

    private static byte[] Delete()
    {
        var body = new byte[48];
        body[16] = 0xFF;
        body[17] = 3;
        body.AsSpan(24, 12).Fill(0xFF);
        body[41] = 1;
        body[43] = 4;
        return body;
    }

    private static byte[] Fields(Random random)
    {
        List<byte> fields = [];
        for (var i = random.Next(5); i > 0; i--)
        {
            var length = random.Next(1, 17);
            fields.AddRange([(byte)(random.Next(10) == 0 ? 0xFF : 0x80), 0, (byte)random.Next(64), (byte)length, .. Noise(random, length)]);
        }

        return [.. fields];
    }

    private static byte[] Multipart(Random random)
    {
        byte[] fields = random.Next(2) == 0 ? [] : Fields(random);
        byte[] match = [0, 1, 0, (byte)(4 + fields.Length), .. fields];
        Array.Resize(ref match, (match.Length + 7) & ~7);
        return [0, (byte)random.Next(16), 0, 0, 0, 0, 0, 0, 0xFF, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, .. new byte[20], .. match];
    }

    private static byte[] PacketOut(Random random) => [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 0, (byte)random.Next(32), 0, 0, 0, 0, 0, 0, .. Noise(random, random.Next(100))];

    private static byte[] Noise(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private sealed class Datapath : IDatapath
    {
        public ulong Id => 1;

        public string Name => "fuzz";

        public IReadOnlyList<SwitchPort> Ports => [];

        public TimeProvider Clock => TimeProvider.System;

        public void Send(uint inPort, FlowActions actions, ReadOnlySpan<byte> frame) => Assert.True(frame.Length >= 14);
    }
}
