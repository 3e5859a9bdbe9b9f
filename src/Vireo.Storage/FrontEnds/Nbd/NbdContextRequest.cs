using System.Buffers.Binary;
using System.Text;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>Payload of NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT: which export, and which contexts.</summary>
internal sealed record NbdContextRequest(string ExportName, IReadOnlyList<string> Queries)
{
    /// <summary>Reads the payload; null when its lengths contradict each other.</summary>
    public static NbdContextRequest? TryParse(ReadOnlySpan<byte> payload)
    {
        if (!TryTakeText(ref payload, out var name) || payload.Length < 4)
        {
            return null;
        }

        var count = BinaryPrimitives.ReadUInt32BigEndian(payload);
        payload = payload[4..];
        if (count > payload.Length / 4)
        {
            return null;
        }

        var queries = new string[count];
        for (var i = 0; i < queries.Length; i++)
        {
            if (!TryTakeText(ref payload, out queries[i]))
            {
                return null;
            }
        }

        return payload.IsEmpty ? new NbdContextRequest(name, queries) : null;
    }

    private static bool TryTakeText(ref ReadOnlySpan<byte> payload, out string text)
    {
        text = string.Empty;
        if (payload.Length < 4)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadUInt32BigEndian(payload);
        if (length > payload.Length - 4)
        {
            return false;
        }

        text = Encoding.UTF8.GetString(payload.Slice(4, (int)length));
        payload = payload[(4 + (int)length)..];
        return true;
    }
}
