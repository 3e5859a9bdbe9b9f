using System.Buffers.Binary;

namespace Vireo.Extensions.OpenFlow;

/// <summary>What a table can do (OpenFlow 1.3.5, 7.3.5.5): controllers ask for it before they speak of tables.</summary>
internal static class TableFeatures
{
    private const int FieldsMax = 40;

    // 7.2.4 and 7.2.5: go to a table, apply actions, clear actions; output, push VLAN, pop VLAN, set field.
    private static readonly int[] s_instructions = [1, 4, 5];
    private static readonly int[] s_actions = [0, 17, 18, 25];
    private static readonly int[] s_setFields = [3, 4, 6, 7];

    /// <summary>The description of a table.</summary>
    public static byte[] Of(int table)
    {
        // What is written into the action set is refused, so those lists are empty.
        byte[] properties =
        [
            .. Property(0, [.. s_instructions.SelectMany(TypeOnly)]),
            .. Property(2, [.. Enumerable.Range(table + 1, Pipeline.Tables - table - 1).Select(next => (byte)next)]),
            .. Property(4, []),
            .. Property(6, [.. s_actions.SelectMany(TypeOnly)]),
            .. Property(8, Fields(withMask: true)),
            .. Property(10, Fields(withMask: false)),
            .. Property(12, []),
            .. Property(14, [.. s_setFields.SelectMany(field => Number(MatchParser.HeaderOf(field, withMask: false)))]),
        ];
        var bytes = new byte[64 + properties.Length];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)bytes.Length);
        bytes[2] = (byte)table;
        System.Text.Encoding.ASCII.GetBytes($"table{table}", bytes.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(60), Pipeline.EntriesMax);
        properties.CopyTo(bytes, 64);
        return bytes;
    }

    private static byte[] Fields(bool withMask) =>
        [.. Enumerable.Range(0, FieldsMax).Select(field => MatchParser.HeaderOf(field, withMask)).Where(header => header != 0).SelectMany(Number)];

    private static byte[] TypeOnly(int type) => [0, (byte)type, 0, 4];

    private static byte[] Number(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] Property(ushort type, byte[] content)
    {
        var bytes = new byte[(4 + content.Length + 7) & ~7];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, type);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)(4 + content.Length));
        content.CopyTo(bytes, 4);
        return bytes;
    }
}
