using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Vireo.Machines.Devices;
using Vireo.Machines.GuestAgents;
using Vireo.Machines.Qmp;
using Vireo.Machines.Running;
using Vireo.Platform.Text;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Machines;

/// <summary>
/// What QEMU, a guest's agent and a saved state say, damaged: <see cref="QmpMessage"/>, <see cref="BoundedLineReader"/>,
/// <see cref="GuestAnswers"/> and <see cref="SavedState"/> give a result within bounds or the one error they promise.
/// </summary>
public sealed class MachineParserFuzz
{
    private const int Rounds = 10_000;

    private static readonly string[] s_messages =
    [
        """{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": ["oob"]}}""",
        """{"return": {"status": "running", "running": true}, "id": 4}""",
        """{"id": 5, "error": {"class": "GenericError", "desc": "no"}}""",
        """{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}""",
    ];

    private static readonly string[] s_answers =
    [
        """{"return": {"id": "debian", "name": "Debian", "pretty-name": "Debian 12", "version": "12", "version-id": "12", "kernel-release": "6.1", "machine": "x86_64"}}""",
        """{"return": {"host-name": "web1"}}""",
        """{"return": [{"name": "lo", "ip-addresses": [{"ip-address-type": "ipv4", "ip-address": "127.0.0.1", "prefix": 8}], "hardware-address": "00:15:5d:00:00:01"}]}""",
        """{"return": {"exited": true, "exitcode": 3, "out-data": "aGVsbG8=", "err-truncated": true}}""",
        """{"return": {"exited": true, "signal": 9}}""",
        """{"return": {"count": 5, "buf-b64": "aGVsbG8=", "eof": true}}""",
        """{"error": {"class": "GenericError", "desc": "no \u001b[2J"}}""",
    ];

    private readonly Random _random;

    public MachineParserFuzz()
    {
        var seed = TestSeed.Next();
        _random = new(seed);
    }

    [Fact]
    public void Control_messages_are_read_or_refused()
    {
        for (var round = 0; round < Rounds; round++)
        {
            var line = JsonDamage.Apply(s_messages[_random.Next(s_messages.Length)], _random);
            try
            {
                var message = QmpMessage.Parse(line);
                var happening = new QmpEvent(message.Name, message.Data);
                _ = (happening.Text("reason"), happening.Flag("guest"));
            }
            catch (QmpProtocolException)
            {
                // Refused, as promised.
            }
        }
    }

    [Fact]
    public void Answers_of_guests_are_read_or_refused()
    {
        Action<JsonElement>[] readers =
        [
            answer => Assert.InRange(GuestAnswers.OperatingSystem(answer).PrettyName.Length, 0, 600),
            answer => Assert.DoesNotContain(GuestAnswers.HostName(answer), char.IsControl),
            answer => Assert.All(GuestAnswers.Interfaces(answer), found => Assert.All(found.Addresses, address => Assert.InRange(address.PrefixLength, 0, 128))),
            answer => Assert.InRange(GuestAnswers.ProcessResult(answer, 4)?.Output.Length ?? 0, 0, 4),
            answer => Assert.InRange(GuestAnswers.FileRead(answer, 4).Content.Length, 0, 4),
            answer => _ = GuestAnswers.Number(answer, "pid"),
        ];
        for (var round = 0; round < Rounds; round++)
        {
            var line = JsonDamage.Apply(s_answers[_random.Next(s_answers.Length)], _random);
            foreach (var reader in readers)
            {
                try
                {
                    reader(GuestAnswers.ParseReply(line));
                }
                catch (Exception exception) when (exception is GuestAnswerException or GuestRefusalException)
                {
                    // Refused, as promised.
                }
            }
        }
    }

    /// <summary>What is taken can be looked at in every way; what the library would take and choke on later is refused.</summary>
    [Fact]
    public void Json_that_is_taken_is_unicode_throughout()
    {
        for (var round = 0; round < Rounds; round++)
        {
            var json = JsonDamage.Apply(s_answers[_random.Next(s_answers.Length)], _random);
            try
            {
                Look(UnicodeJson.Parse(json, 32));
            }
            catch (JsonException)
            {
                // Refused, as promised.
            }
        }

        static void Look(JsonElement value)
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.Object:
                    Assert.False(value.TryGetProperty("nothing", out _));
                    foreach (var member in value.EnumerateObject())
                    {
                        Assert.NotNull(member.Name);
                        Look(member.Value);
                    }

                    break;
                case JsonValueKind.Array:
                    foreach (var element in value.EnumerateArray())
                    {
                        Look(element);
                    }

                    break;
                case JsonValueKind.String:
                    Assert.NotNull(value.GetString());
                    break;
            }
        }
    }

    [Fact]
    public async Task Lines_arrive_whole_however_the_stream_is_cut()
    {
        for (var round = 0; round < 1000; round++)
        {
            const int Bound = 300;
            var content = new byte[_random.Next(3000)];
            for (var i = 0; i < content.Length; i++)
            {
                content[i] = _random.Next(60) == 0 ? (byte)'\n' : (byte)('a' + _random.Next(26));
            }

            var expected = Encoding.ASCII.GetString(content).Split('\n')[..^1];
            var reader = new BoundedLineReader(new SlicedStream(content, _random), Bound);
            List<string> lines = [];
            try
            {
                while (await reader.ReadLineAsync(CancellationToken.None) is { } line)
                {
                    lines.Add(Encoding.ASCII.GetString(line.Span));
                }

                Assert.Equal(expected, lines);
            }
            catch (LineTooLongException)
            {
                Assert.Equal(expected[..lines.Count], lines);
                var tooLong = lines.Count < expected.Length ? expected[lines.Count] : Encoding.ASCII.GetString(content).Split('\n')[^1];
                Assert.True(tooLong.Length > Bound);
            }
        }
    }

    [Fact]
    public void Headers_of_saved_states_are_read_or_refused()
    {
        var header = new SavedStateHeader(Guid.NewGuid(), "7.2.22", "pc-i440fx-7.2", DeviceSlots.Plan(2, ["a", "b"]));
        var json = JsonSerializer.Serialize(header, MachineJson.Default.SavedStateHeader);
        for (var round = 0; round < Rounds; round++)
        {
            var block = new byte[SavedState.StreamOffset];
            "VIREOSAV"u8.CopyTo(block);
            var text = JsonDamage.Apply(json, _random);
            BinaryPrimitives.WriteInt32LittleEndian(block.AsSpan(8), _random.Next(50) == 0 ? _random.Next() : 1);
            BinaryPrimitives.WriteInt32LittleEndian(block.AsSpan(12), _random.Next(50) == 0 ? _random.Next(int.MinValue, int.MaxValue) : text.Length);
            text.CopyTo(block, 16);
            try
            {
                Assert.NotNull(SavedState.Parse(block).MachineType);
            }
            catch (Exception exception) when (exception is InvalidDataException or JsonException)
            {
                // Refused, as promised.
            }
        }
    }

    /// <summary>Gives its bytes in pieces of random size.</summary>
    private sealed class SlicedStream(byte[] content, Random random) : MemoryStream(content)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(Read(buffer.Span[..Math.Min(buffer.Length, random.Next(1, 50))]));
    }
}
