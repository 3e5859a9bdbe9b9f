using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Vireo.Machines.HyperV;

/// <summary>
/// The binary configuration (<c>.vmcx</c>) of Windows Server 2016 and later. Its layout is not published by its maker; what is read here is what public
/// readers of it agree on:
/// <list type="bullet">
/// <item>two headers, at 0 and 4096; the one with the greater sequence number counts. Format version 0x400 is read.</item>
/// <item>an object table at 8192 says where key tables, and values that are too large for them, lie.</item>
/// <item>a key table holds entries: type, size, the place of the parent entry (table and offset), the name, the value.</item>
/// </list>
/// How checksums are computed is not known, so they are not verified; changes that are only in the log are not applied, and the result says so.
/// </summary>
public static class BinarySettings
{
    private const int SecondHeaderOffset = 0x1000;
    private const int ObjectTableOffset = 0x2000;
    private const int HeaderBytes = 46;
    private const int ObjectEntryBytes = 18;
    private const int KeyTableHeaderBytes = 10;
    private const int EntryHeaderBytes = 21;
    private const uint HeaderSignature = 0x01282014;
    private const uint LogSignature = 0x01110003;
    private const uint ObjectTableSignature = 0x01110001;
    private const ushort KeyTableSignature = 2;
    private const uint ReadVersion = 0x400;
    private const int MaximumObjects = 65_536;
    private const int MaximumObjectTables = 16;
    private const int MaximumNodes = 200_000;

    // Entries of all key tables, free ones too: tables may overlap, so that one part of the file is read as many of them.
    private const int MaximumEntries = 1_000_000;
    private const int MaximumValueBytes = 4 << 20;

    // Several settings may lead to one place of the file: what all of them hold together is limited too.
    private const long MaximumContentBytes = 64L << 20;

    private enum ObjectType : byte
    {
        ObjectTable = 1,
        KeyTable = 2,
        File = 3,
    }

    private enum KeyType : byte
    {
        Free = 1,
        Int = 3,
        UInt = 4,
        Double = 5,
        String = 6,
        Array = 7,
        Bool = 8,
        Node = 9,
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="SettingsFormatException">It is no such configuration, of another version, or damaged.</exception>
    public static SettingsNode Parse(ReadOnlySpan<byte> file)
    {
        var header = ActiveHeader(file);
        var version = BinaryPrimitives.ReadUInt32LittleEndian(header[10..]);
        if (version != ReadVersion)
        {
            throw new SettingsFormatException($"it has the format version 0x{version:X}, and only 0x{ReadVersion:X} is known");
        }

        var (tables, files) = ReadObjects(file);
        var root = Link(file, tables, files, HasLoggedChanges(file, BinaryPrimitives.ReadUInt64LittleEndian(header[26..])));
        return root.Children.FirstOrDefault(child => child.Name == "configuration") is { } configuration
            ? configuration
            : throw new SettingsFormatException("it has no node 'configuration'");
    }

    private static ReadOnlySpan<byte> ActiveHeader(ReadOnlySpan<byte> file)
    {
        if (file.Length < ObjectTableOffset + 8)
        {
            throw new SettingsFormatException("it is too short");
        }

        var first = file[..HeaderBytes];
        var second = file.Slice(SecondHeaderOffset, HeaderBytes);
        var (isFirst, isSecond) = (IsHeader(first), IsHeader(second));
        if (!isFirst && !isSecond)
        {
            throw new SettingsFormatException("it does not begin as such a file does");
        }

        return isFirst && (!isSecond || Sequence(first) > Sequence(second)) ? first : second;
    }

    private static bool IsHeader(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt32LittleEndian(header) == HeaderSignature;

    private static ushort Sequence(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt16LittleEndian(header[8..]);

    private static bool HasLoggedChanges(ReadOnlySpan<byte> file, ulong offset) =>
        TrySlice(file, offset, 12, out var log) && BinaryPrimitives.ReadUInt32LittleEndian(log) == LogSignature && BinaryPrimitives.ReadUInt32LittleEndian(log[8..]) != 0;

    private static (Dictionary<ushort, (ushort Sequence, int Offset, int Length)> Tables, HashSet<ulong> Files) ReadObjects(ReadOnlySpan<byte> file)
    {
        var tables = new Dictionary<ushort, (ushort Sequence, int Offset, int Length)>();
        var files = new HashSet<ulong>();
        var left = new Queue<ulong>([ObjectTableOffset]);
        var seen = new HashSet<ulong> { ObjectTableOffset };
        while (left.TryDequeue(out var at))
        {
            if (!TrySlice(file, at, 8, out var head) || BinaryPrimitives.ReadUInt32LittleEndian(head) != ObjectTableSignature)
            {
                throw new SettingsFormatException("its object table is damaged");
            }

            var count = BinaryPrimitives.ReadUInt32LittleEndian(head[4..]);
            if (count > MaximumObjects || !TrySlice(file, at + 8, count * ObjectEntryBytes, out var entries))
            {
                throw new SettingsFormatException("its object table is larger than the file");
            }

            for (; !entries.IsEmpty; entries = entries[ObjectEntryBytes..])
            {
                if (entries[17] == 0)
                {
                    continue;
                }

                var offset = BinaryPrimitives.ReadUInt64LittleEndian(entries[5..]);
                var length = BinaryPrimitives.ReadUInt32LittleEndian(entries[13..]);
                switch ((ObjectType)entries[0])
                {
                    case ObjectType.ObjectTable when seen.Count < MaximumObjectTables && seen.Add(offset):
                        left.Enqueue(offset);
                        break;
                    case ObjectType.KeyTable:
                        AddTable(file, tables, offset, length);
                        break;
                    case ObjectType.File:
                        files.Add(offset);
                        break;
                    default:
                        break;
                }
            }
        }

        return (tables, files);
    }

    // Of several tables with one index the one with the greatest sequence number counts.
    private static void AddTable(ReadOnlySpan<byte> file, Dictionary<ushort, (ushort Sequence, int Offset, int Length)> tables, ulong offset, uint length)
    {
        if (!TrySlice(file, offset, length, out var table) || length < KeyTableHeaderBytes || BinaryPrimitives.ReadUInt16LittleEndian(table) != KeyTableSignature)
        {
            throw new SettingsFormatException("one of its key tables is damaged");
        }

        var (index, sequence) = (BinaryPrimitives.ReadUInt16LittleEndian(table[2..]), BinaryPrimitives.ReadUInt16LittleEndian(table[4..]));
        if (!tables.TryGetValue(index, out var other) || other.Sequence < sequence)
        {
            tables[index] = (sequence, (int)offset, (int)length);
        }
    }

    private static SettingsNode Link(
        ReadOnlySpan<byte> file, Dictionary<ushort, (ushort Sequence, int Offset, int Length)> tables, HashSet<ulong> files, bool hasPendingChanges)
    {
        var nodes = new Dictionary<(ushort Table, uint Offset), SettingsNode>();
        var parents = new List<(SettingsNode Node, ushort Table, uint Offset)>();
        var budget = MaximumContentBytes;
        var entries = 0;
        foreach (var (index, place) in tables.OrderBy(table => table.Key))
        {
            var table = file.Slice(place.Offset, place.Length);
            for (var at = KeyTableHeaderBytes; at + EntryHeaderBytes <= table.Length;)
            {
                var entry = table[at..];
                var size = BinaryPrimitives.ReadUInt32LittleEndian(entry[2..]);
                if (size == 0)
                {
                    break;
                }

                if (++entries > MaximumEntries)
                {
                    throw new SettingsFormatException("its key tables have more entries than a configuration's");
                }

                if (size < EntryHeaderBytes || size > entry.Length || nodes.Count >= MaximumNodes)
                {
                    throw new SettingsFormatException("one of its key tables has an entry that does not fit into it");
                }

                if ((KeyType)entry[0] != KeyType.Free)
                {
                    var node = ReadEntry(file, files, entry[..(int)size], hasPendingChanges, ref budget);
                    nodes[(index, (uint)at)] = node;
                    parents.Add((node, BinaryPrimitives.ReadUInt16LittleEndian(entry[6..]), BinaryPrimitives.ReadUInt32LittleEndian(entry[8..])));
                }

                at += (int)size;
            }
        }

        var root = new SettingsNode("", null);
        foreach (var (node, table, offset) in parents)
        {
            // An entry whose parent is not there is part of nothing.
            (table == 0 ? root : nodes.GetValueOrDefault((table, offset)))?.Add(node);
        }

        return root;
    }

    private static SettingsNode ReadEntry(ReadOnlySpan<byte> file, HashSet<ulong> files, ReadOnlySpan<byte> entry, bool hasPendingChanges, ref long budget)
    {
        var body = entry[EntryHeaderBytes..];
        var valueOffset = entry[20];
        if (valueOffset == 0 || valueOffset > body.Length)
        {
            throw new SettingsFormatException("one of its settings has no name");
        }

        // The name ends with a zero.
        var name = Encoding.UTF8.GetString(body[..(valueOffset - 1)]);
        return new SettingsNode(name, ReadValue(file, files, (KeyType)entry[0], isElsewhere: (entry[1] & 1) != 0, body[valueOffset..], ref budget)) { HasPendingChanges = hasPendingChanges };
    }

    private static string? ReadValue(ReadOnlySpan<byte> file, HashSet<ulong> files, KeyType type, bool isElsewhere, ReadOnlySpan<byte> value, ref long budget)
    {
        switch (type)
        {
            case KeyType.Int when value.Length >= 8:
                return BinaryPrimitives.ReadInt64LittleEndian(value).ToString(CultureInfo.InvariantCulture);
            case KeyType.UInt when value.Length >= 8:
                return BinaryPrimitives.ReadUInt64LittleEndian(value).ToString(CultureInfo.InvariantCulture);
            case KeyType.Double when value.Length >= 8:
                return BinaryPrimitives.ReadDoubleLittleEndian(value).ToString(CultureInfo.InvariantCulture);
            case KeyType.Bool when value.Length >= 4:
                return BinaryPrimitives.ReadUInt32LittleEndian(value) != 0 ? "True" : "False";
            case KeyType.String:
                return Encoding.Unicode.GetString(Content(file, files, isElsewhere, value, ref budget)).TrimEnd('\0');
            case KeyType.Array:
                return Convert.ToBase64String(Content(file, files, isElsewhere, value, ref budget));
            case KeyType.Node:
                return null;
            case KeyType.Int or KeyType.UInt or KeyType.Double or KeyType.Bool:
                throw new SettingsFormatException("one of its settings has a value that is too short");
            default:
                // Of a type that no reader knows; nothing that is asked for has one.
                return null;
        }
    }

    private static ReadOnlySpan<byte> Content(ReadOnlySpan<byte> file, HashSet<ulong> files, bool isElsewhere, ReadOnlySpan<byte> value, ref long budget)
    {
        if (value.Length < (isElsewhere ? 12 : 4))
        {
            throw new SettingsFormatException("one of its settings has a value that is too short");
        }

        var length = BinaryPrimitives.ReadUInt32LittleEndian(value);
        budget -= length;
        if (budget < 0)
        {
            throw new SettingsFormatException("its settings are larger than a configuration's");
        }

        if (!isElsewhere)
        {
            return length <= value.Length - 4 ? value.Slice(4, (int)length) : throw new SettingsFormatException("one of its settings is longer than its place");
        }

        var offset = BinaryPrimitives.ReadUInt64LittleEndian(value[4..]);
        return length <= MaximumValueBytes && files.Contains(offset) && TrySlice(file, offset, length, out var content)
            ? content
            : throw new SettingsFormatException("one of its settings leads out of the file");
    }

    private static bool TrySlice(ReadOnlySpan<byte> file, ulong offset, uint length, out ReadOnlySpan<byte> slice)
    {
        var fits = offset <= (ulong)file.Length && length <= (ulong)file.Length - offset;
        slice = fits ? file.Slice((int)offset, (int)length) : default;
        return fits;
    }
}
