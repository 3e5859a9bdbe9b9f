using Vireo.Switch.Offloads;
using Vireo.Switch.Scheduling;
using Vireo.Switch.Tracing;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Switch;

/// <summary>Marks on any bytes, at any offset; and filters of any words.</summary>
public sealed class CongestionMarkFuzz
{
    [Fact]
    public void A_mark_changes_two_bits_and_keeps_the_checksum_right()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        ushort[] types = [0x0800, 0x86DD, 0x0806];
        for (var round = 0; round < 200_000; round++)
        {
            var frame = new byte[random.Next(0, 80)];
            random.NextBytes(frame);
            var offset = random.Next(0, 24);
            if (offset >= 2 && offset < frame.Length)
            {
                var type = types[random.Next(types.Length)];
                (frame[offset - 2], frame[offset - 1]) = ((byte)(type >> 8), (byte)type);
                frame[offset] = (byte)(random.Next(3) == 0 ? frame[offset] : type == 0x0800 ? 0x45 : 0x60);
            }

            var before = frame.ToArray();
            var sum = frame.Length >= offset + 20 ? Checksum.Sum(frame.AsSpan(offset, 20)) : 0;
            var isMarked = CongestionMark.Set(frame, offset);
            if (!isMarked)
            {
                Assert.Equal(before, frame);
                continue;
            }

            var isIPv4 = before[offset - 2] == 0x08;
            Assert.Equal(before[offset + 1] | (isIPv4 ? 3 : 0x30), frame[offset + 1]);
            before[offset + 1] = frame[offset + 1];
            if (isIPv4)
            {
                // Whatever the sum was, right or wrong, it still is; zero has two forms.
                Assert.Equal(sum % 0xFFFF, Checksum.Sum(frame.AsSpan(offset, 20)) % 0xFFFF);
                frame.AsSpan(offset + 10, 2).CopyTo(before.AsSpan(offset + 10));
            }

            Assert.Equal(before, frame);
        }
    }

    [Fact]
    public void A_filter_of_any_words_is_read_or_refused_with_a_sentence()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        string[] words = ["(", ")", "and", "or", "not", "src", "dst", "host", "port", "vlan", "ether", "tcp", "arp", "ip6", "10.0.0.1", "10.0.0.0/8", "fd00::/16", "0x800", "80", "-1", "99999999999", "é", "\0"];
        for (var round = 0; round < 100_000; round++)
        {
            var text = string.Join(' ', Enumerable.Range(0, random.Next(1, 20)).Select(_ => words[random.Next(words.Length)]));
            if (TraceFilter.TryParse(text, out var filter, out var fault))
            {
                _ = filter.Fits(default);
            }
            else
            {
                Assert.EndsWith(".", fault, StringComparison.Ordinal);
            }
        }

        Assert.False(TraceFilter.TryParse(new string('(', 500), out _, out _));
        Assert.True(TraceFilter.TryParse(string.Concat(Enumerable.Repeat("not ", 200)) + "tcp", out _, out _));
    }
}
