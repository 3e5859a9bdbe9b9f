using System.Text;
using Vireo.Switch.Extensions;
using Vireo.Switch.Sdk;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Switch;

/// <summary>
/// What the boundary to extensions reads: <see cref="ExtensionManifest"/> from a folder, and for firewalls what <see cref="PacketReader"/> finds in packets. Neither
/// may read outside, throw anything but a refusal, or take long.
/// </summary>
public sealed class ExtensionFuzz
{
    [Fact]
    public void Quoted_packets_parts_and_options_are_read_inside_their_bytes()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var bytes = new byte[200];
        var found = 0;
        for (var round = 0; round < 300_000; round++)
        {
            random.NextBytes(bytes);
            var isV6 = random.Next(2) == 0;
            var packet = bytes.AsSpan(0, random.Next(bytes.Length + 1));
            if (packet.Length > 10 && random.Next(8) != 0)
            {
                packet[0] = isV6 ? (byte)0x60 : (byte)(0x40 | random.Next(4, 8));
                packet[6] = isV6 ? (byte)random.Next(2) switch { 0 => (byte)44, _ => (byte)6 } : (byte)0;
                packet[7] = isV6 ? packet[7] : (byte)0;
                packet[9] = isV6 ? packet[9] : (byte)17;
            }

            if (PacketReader.TryParseQuoted(packet, isV6, out _))
            {
                found++;
            }

            if (PacketReader.TryParseFragment(packet, isV6, out _, out var offset))
            {
                Assert.InRange(offset, 0, 0x1FFF);
            }

            Assert.InRange(PacketReader.ParseWindowScale(packet), 0, 14);
        }

        Assert.True(found > 0);
    }

    [Fact]
    public void Conversations_of_another_host_are_read_or_left_out()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var table = new ConnectionTable(64, 1);
        var bytes = new byte[1000];
        for (var round = 0; round < 20_000; round++)
        {
            random.NextBytes(bytes);
            bytes[0] = (byte)random.Next(3);
            var records = ConnectionRecord.Read(bytes.AsSpan(0, random.Next(bytes.Length)), 1, 1000, 10);
            Assert.InRange(records.Length, 0, 10);
            foreach (var record in records)
            {
                record.AddTo(table, 1000);
            }

            Assert.InRange(table.Count, 0, 72);
        }

        Assert.True(table.Count > 0);
    }

    [Fact]
    public void A_manifest_is_read_or_refused()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var good = Encoding.UTF8.GetBytes("""
            { "id": "7d9d2a4e-98ba-4b7e-a2a0-c3d7d2e2a111", "name": "x", "vendor": "y", "version": "1.0.0", "kind": "Filter", "sdk": "1.0", "assembly": "a.dll", "type": "T", "failsClosed": true }
            """);
        Assert.True(ExtensionManifest.Parse(good).FailsClosed);
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = good.ToArray();
            for (var i = random.Next(1, 5); i > 0; i--)
            {
                bytes[random.Next(bytes.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : good[random.Next(good.Length)];
            }

            try
            {
                var manifest = ExtensionManifest.Parse(bytes.AsSpan(0, random.Next(4) == 0 ? random.Next(bytes.Length) : bytes.Length));
                Assert.Equal(Path.GetFileName(manifest.Assembly), manifest.Assembly);
            }
            catch (InvalidDataException)
            {
                // Refused with a sentence.
            }
        }
    }
}
