using System.Buffers.Binary;
using Vireo.Control.Switching;
using Vireo.Switch.Ports;

namespace Vireo.Bench.Switching;

/// <summary>What kinds of conversations cost: many at a time, with a VLAN tag, IPv6; beside a single one.</summary>
internal sealed class FlowsPart : ISwitchPart
{
    /// <inheritdoc/>
    public string Name => "flows";

    /// <inheritdoc/>
    public Task<IReadOnlyList<Comparison>> RunAsync()
    {
        List<Comparison> rows = [];
        foreach (var (policies, policy) in new (string, PortPolicySpecification?)[] { ("", null), (", guards, 20 rules, meter", SwitchBenchmark.Policy with { SpoofGuard = false }) })
        {
            var kinds = new (string What, Func<int> Step)[]
            {
                ("one", Carry(policy, false, [Udp4(0)])),
                ("1,024 conversations", Carry(policy, false, Many(1024))),
                ("4,096 conversations", Carry(policy, false, Many(4096))),
                ("16,384 conversations", Carry(policy, false, Many(16_384))),
                ("65,536 conversations", Carry(policy, false, Many(65_536))),
                ("IPv6, one", Carry(policy, false, [Udp6(0)])),
                ("tagged, one", Carry(policy, true, [Tagged(Udp4(0))])),
            };
            var rates = MemorySwitch.InTurns([.. kinds.Select(kind => kind.Step)]);
            rows.AddRange(kinds.Skip(1).Select((kind, i) => new Comparison($"64 B, {kind.What}{policies}", "Mpps", rates[i + 1], "one conversation", rates[0], LessIsBetter: false)));
        }

        return Task.FromResult<IReadOnlyList<Comparison>>(rows);
    }

    private static Func<int> Carry(PortPolicySpecification? policy, bool trunk, byte[][] frames)
    {
        var home = new MemorySwitch();
        var (from, to) = (new InMemoryPort(1024), new InMemoryPort(1024));
        home.Add(from, policy, trunk);
        home.Add(to, policy, trunk);
        to.Inject(trunk ? Tagged(SwitchBenchmark.Frame(64, to: 1, from: 2)) : SwitchBenchmark.Frame(64, to: 1, from: 2));
        from.Drain();
        return MemorySwitch.Carry(home, from, to, frames);
    }

    private static byte[][] Many(int count) => [.. Enumerable.Range(0, count).Select(Udp4)];

    private static byte[] Udp4(int conversation)
    {
        var frame = SwitchBenchmark.Frame(64, to: 2, from: 1);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), (ushort)conversation);
        return frame;
    }

    private static byte[] Udp6(int conversation)
    {
        var frame = SwitchBenchmark.Frame(64, to: 2, from: 1);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x86DD);
        var packet = frame.AsSpan(14);
        packet.Clear();
        packet[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - 40));
        packet[6] = 17;
        packet[7] = 64;
        packet[8] = packet[24] = 0xFD;
        packet[23] = 1;
        packet[39] = 2;
        BinaryPrimitives.WriteUInt16BigEndian(packet[40..], (ushort)conversation);
        BinaryPrimitives.WriteUInt16BigEndian(packet[42..], 9);
        BinaryPrimitives.WriteUInt16BigEndian(packet[44..], (ushort)(packet.Length - 40));
        return frame;
    }

    private static byte[] Tagged(byte[] frame) => [.. frame[..12], 0x81, 0, 0, 7, .. frame[12..]];
}
