using System.Buffers.Binary;
using System.Numerics;

namespace Vireo.Smb.Security;

/// <summary>MD4, RFC 1320. Broken as a hash; NTLM makes the key of a password with it, which nothing can replace.</summary>
internal static class Md4
{
    /// <summary>Bytes of a hash.</summary>
    public const int HashBytes = 16;

    private const int BlockBytes = 64;

    /// <summary>The hash of <paramref name="source"/>.</summary>
    public static byte[] Hash(ReadOnlySpan<byte> source)
    {
        // RFC 1320, 3.1 and 3.2: a one bit, zeros, and the length in bits.
        var padded = new byte[((source.Length + 8) / BlockBytes + 1) * BlockBytes];
        source.CopyTo(padded);
        padded[source.Length] = 0x80;
        BinaryPrimitives.WriteInt64LittleEndian(padded.AsSpan(padded.Length - 8), (long)source.Length * 8);
        uint[] state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476];
        Span<uint> words = stackalloc uint[16];
        for (var at = 0; at < padded.Length; at += BlockBytes)
        {
            for (var i = 0; i < words.Length; i++)
            {
                words[i] = BinaryPrimitives.ReadUInt32LittleEndian(padded.AsSpan(at + (4 * i)));
            }

            Mix(state, words);
        }

        var hash = new byte[HashBytes];
        for (var i = 0; i < state.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(hash.AsSpan(4 * i), state[i]);
        }

        return hash;
    }

    // RFC 1320, 3.4.
    private static void Mix(uint[] state, ReadOnlySpan<uint> words)
    {
        ReadOnlySpan<byte> second = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];
        ReadOnlySpan<byte> third = [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15];
        ReadOnlySpan<byte> shifts = [3, 7, 11, 19, 3, 5, 9, 13, 3, 9, 11, 15];
        var (a, b, c, d) = (state[0], state[1], state[2], state[3]);
        for (var step = 0; step < 48; step++)
        {
            var (round, i) = (step / 16, step % 16);
            var mixed = round switch
            {
                0 => ((b & c) | (~b & d)) + words[i],
                1 => ((b & c) | (b & d) | (c & d)) + words[second[i]] + 0x5A827999,
                _ => (b ^ c ^ d) + words[third[i]] + 0x6ED9EBA1,
            };
            (a, b, c, d) = (d, BitOperations.RotateLeft(a + mixed, shifts[(4 * round) + (i % 4)]), b, c);
        }

        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
    }
}
