using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Vireo.Smb.Security;

/// <summary>What a server answers to the beginning of a login. [MS-NLMP] 2.2.1.2 CHALLENGE_MESSAGE.</summary>
/// <param name="Flags">Negotiated.</param>
/// <param name="Challenge">Eight bytes that the answer depends on.</param>
/// <param name="TargetInfo">Attributes of the server ([MS-NLMP] 2.2.2.1), ended by the one that ends them.</param>
/// <param name="HasTimestamp">Whether the server's time is among them.</param>
internal sealed record NtlmChallenge(uint Flags, byte[] Challenge, byte[] TargetInfo, bool HasTimestamp)
{
    private const int HeaderBytes = 48;
    private const int EndOfList = 0; // MsvAvEOL
    private const int Timestamp = 7; // MsvAvTimestamp

    /// <summary>Reads the message; false when it is none.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, [NotNullWhen(true)] out NtlmChallenge? challenge)
    {
        challenge = null;
        if (message.Length < HeaderBytes || !message.StartsWith(Ntlm.Signature) || BinaryPrimitives.ReadUInt32LittleEndian(message[8..]) != 2)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadUInt16LittleEndian(message[40..]);
        var offset = BinaryPrimitives.ReadUInt32LittleEndian(message[44..]);
        if (offset > message.Length || length > message.Length - offset)
        {
            return false;
        }

        var info = message.Slice((int)offset, length);
        if (!TryMeasure(info, out var used, out var hasTimestamp))
        {
            return false;
        }

        challenge = new NtlmChallenge(BinaryPrimitives.ReadUInt32LittleEndian(message[20..]), message.Slice(24, 8).ToArray(), info[..used].ToArray(), hasTimestamp);
        return true;
    }

    // Pairs of id and length, the last with id 0.
    private static bool TryMeasure(ReadOnlySpan<byte> info, out int used, out bool hasTimestamp)
    {
        (used, hasTimestamp) = (0, false);
        while (info.Length - used >= 4)
        {
            var id = BinaryPrimitives.ReadUInt16LittleEndian(info[used..]);
            int length = BinaryPrimitives.ReadUInt16LittleEndian(info[(used + 2)..]);
            if (length > info.Length - used - 4 || (id == EndOfList && length != 0))
            {
                return false;
            }

            used += 4 + length;
            hasTimestamp |= id == Timestamp;
            if (id == EndOfList)
            {
                return true;
            }
        }

        return false;
    }
}
