using System.Buffers.Binary;
using System.Text;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>Payload of NBD_OPT_INFO and NBD_OPT_GO: which export, and what the client wants to know.</summary>
internal sealed record NbdInfoRequest(string ExportName, IReadOnlyList<NbdInfo> Wanted)
{
    /// <summary>Reads the payload; null when its lengths contradict each other.</summary>
    public static NbdInfoRequest? TryParse(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < 6)
        {
            return null;
        }

        var nameBytes = BinaryPrimitives.ReadUInt32BigEndian(payload);
        if (nameBytes > payload.Length - 6)
        {
            return null;
        }

        var name = Encoding.UTF8.GetString(payload.Slice(4, (int)nameBytes));
        var rest = payload[(4 + (int)nameBytes)..];
        var count = BinaryPrimitives.ReadUInt16BigEndian(rest);
        if (rest.Length != 2 + (count * 2))
        {
            return null;
        }

        var wanted = new NbdInfo[count];
        for (var i = 0; i < count; i++)
        {
            wanted[i] = (NbdInfo)BinaryPrimitives.ReadUInt16BigEndian(rest[(2 + (i * 2))..]);
        }

        return new NbdInfoRequest(name, wanted);
    }
}
