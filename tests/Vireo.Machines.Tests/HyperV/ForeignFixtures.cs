using System.Buffers.Binary;
using System.Text;
using Vireo.Machines.HyperV;

namespace Vireo.Machines.Tests.HyperV;

/// <summary>Configurations of Hyper-V, written from what is known of the format: one tree, in both of its forms.</summary>
public static class ForeignFixtures
{
    /// <summary>A machine of generation 1 with every device that can be taken over, and one of each that cannot.</summary>
    public static SettingsNode GenerationOne() => Tree("configuration",
        Tree("_83f8638b-8dca-4152-9eda-2ca8b33039b4_",
            Tree("controller0", Drive("drive0", "VHD", @"D:\VMs\web\Virtual Hard Disks\System.vhdx", Number("iops_limit", 500)), Drive("drive1", "NONE", "")),
            Tree("controller1", Drive("drive0", "ISO", @"D:\iso\setup.iso"), Drive("drive1", "ISO", ""))),
        Tree("_8f0d2762-0b00-4e04-af4f-19010527cb93_", Tree("controller0", Drive("drive0", "VFD", @"D:\floppy.vfd"))),
        Tree("_8e3a359f-559a-4b6a-98a9-1690a6100ed7_", Tree("port0", Text("connection", @"\\.\pipe\web")), Tree("port1", Text("connection", ""))),
        Tree("_ac6b8dc1-3257-4a70-b1b2-a9c9215659ad_",
            Text("bios_guid", "{7FFEE066-9755-4950-9A16-4C94AC67AD00}"), Flag("num_lock", true),
            Tree("boot", Text("device0", "HardDrive"), Text("device1", "Optical"), Text("device2", "Network"), Text("device3", "Floppy"))),
        Tree("_6c09bb55-d683-4da0-8931-c9bf705f6480_", Flag("Enabled", false)),
        Tree("_d7a36e9b-9256-4f0d-be2c-3a13887f7b03_",
            Tree("controller0", Drive("drive0", "VHD", @"\\nas\vms\data.vhd", Flag("persistent_reservations_supported", true)), Drive("drive5", "VHD", @"D:\VMs\web\log.vhdx"))),
        Tree("_d7a36e9b-9256-4f0d-be2c-3a13887f7b04_", Tree("controller0", Drive("drive63", "PHYSICAL", @"\\.\PHYSICALDRIVE2"))),
        Tree("_55225880-49c0-4438-9ce2-5a01402fd8cb_",
            Tree("Connection", Text("AltSwitchName", "LAN"), Text("PoolId", "gold"), Vlan(1, 12, 0)),
            Text("FriendlyName", "Front"), Flag("IsConnected", true), Text("MacAddress", "00-15-5D-01-07-DC"), Flag("MacAddressIsStatic", true), Text("SwitchName", "438B7B13-6180-4155-B7BF-08709CCF234D")),
        Tree("_55225880-49c0-4438-9ce2-5a01402fd8cc_",
            Tree("Connection", Text("AltSwitchName", ""), Vlan(2, 0, 5, 10, 20, 4094),
                Tree("Feature_776E0BA7-94A1-41C8-8F28-951F524251B5", Tree("Setting_1", Bytes("Data", [1, 2, 3])))),
            Text("FriendlyName", "Legacy"), Flag("IsConnected", false), Text("MacAddress", "00-00-00-00-00-00"), Flag("MacAddressIsStatic", false), Text("SwitchName", "")),
        Tree("global_settings",
            Tree("power", Tree("host_shutdown", Number("action", 2)), Tree("host_startup", Number("action", 2), Number("delay", 30))),
            Tree("snapshots", Tree("list", Number("size", 2)))),
        Tree("manifest",
            Number("size", 9),
            Device(1, "58f75a6d-d949-4320-99e1-a2a2576d581c", "58F75A6D-D949-4320-99E1-A2A2576D581C", "Microsoft Synthetic Mouse"),
            Device(2, "d422512d-2bf2-4752-809d-7b82b5fcb1b4", "D7A36E9B-9256-4F0D-BE2C-3A13887F7B03", "Synthetic SCSI Controller"),
            Device(3, "d422512d-2bf2-4752-809d-7b82b5fcb1b4", "D7A36E9B-9256-4F0D-BE2C-3A13887F7B04", "Synthetic SCSI Controller"),
            Device(4, "2fc216b0-d2e2-4967-9b6d-b8a5c9ca2778", "55225880-49C0-4438-9CE2-5A01402FD8CB", "Synthetic Ethernet Port"),
            Device(5, "11111111-2222-3333-4444-555555555555", "55225880-49C0-4438-9CE2-5A01402FD8CC", "Emulated Ethernet Port"),
            Device(6, "99dcd00c-fbd6-42d3-9dfd-1b5ad7058f61", "99DCD00C-FBD6-42D3-9DFD-1B5AD7058F62", "GPU Partition"),
            Device(7, "2fcc454e-a36a-4c77-bb5e-a2d75a51f02c", "2FCC454E-A36A-4C77-BB5E-A2D75A51F02D", "Virtual Pci Express Port"),
            Device(8, "736e6aa9-a3f8-49c0-9550-a963214d259a", "736E6AA9-A3F8-49C0-9550-A963214D259A", "Microsoft Virtual TPM Device"),
            Device(9, "11111111-2222-3333-4444-666666666666", "11111111-2222-3333-4444-777777777777", "Synthetic FibreChannel Port")),
        Properties("0AA394FA-7C4A-4070-BA32-773D43B28A68", "web ä", 0),
        Tree("settings",
            Tree("global", Text("logical_id", "0AA394FA-7C4A-4070-BA32-773D43B28A68")),
            Tree("memory", Tree("bank", Flag("dynamic_memory_enabled", true), Number("limit", 4096), Number("priority", 8000), Number("reservation", 512), Number("size", 2048), Number("target_memory_buffer", 30))),
            Tree("processors", Number("count", 4), Number("limit", 75000), Number("reservation", 10000), Number("weight", 200), Tree("features", Flag("limit", true)), Flag("limit_cpuid", true), Tree("nested_virtualization", Flag("enabled", true)))),
        Tree("savedstate", Text("type", "Normal"), Text("memlocation", @"D:\VMs\web\x.bin")));

    /// <summary>A machine of generation 2.</summary>
    public static SettingsNode GenerationTwo() => Tree("configuration",
        Tree("_ac6b8dc1-3257-4a70-b1b2-a9c9215659ad_",
            Flag("secure_boot_enabled", true), Flag("pause_after_boot_failure", true), Number("pxe_preferred_protocol", 6), Number("console_mode", 1), Text("secure_boot_template_id", "272e7447-90a4-4563-a4b9-8e4ab00526ce"), Bytes("nvram", [1])),
        Tree("_d7a36e9b-9256-4f0d-be2c-3a13887f7b03_", Tree("controller0", Drive("drive0", "ISO", @"C:\setup.iso"), Drive("drive1", "VHD", @"C:\VMs\two\disk.vhdx"))),
        Tree("manifest", Device(1, "d422512d-2bf2-4752-809d-7b82b5fcb1b4", "D7A36E9B-9256-4F0D-BE2C-3A13887F7B03", "Synthetic SCSI Controller")),
        Properties("1AA394FA-7C4A-4070-BA32-773D43B28A68", "two", 1));

    /// <summary>A checkpoint of the machine above, before its disk got a child.</summary>
    public static SettingsNode Properties(string id, string name, int subtype, string type = "Virtual Machines", long created = 130599959406707888) => Tree("properties",
        Bytes("creation_time", BitConverter.GetBytes(created)), Text("global_id", id), Flag("highly_available", true), Text("name", name), Text("notes", "two\nlines"),
        Number("subtype", subtype), Text("type_id", type), Number("version", 1280));

    /// <summary>A node with nodes below it.</summary>
    public static SettingsNode Tree(string name, params SettingsNode[] children)
    {
        var node = new SettingsNode(name, null);
        foreach (var child in children)
        {
            node.Add(child);
        }

        return node;
    }

    /// <summary>A drive.</summary>
    public static SettingsNode Drive(string name, string type, string path, params SettingsNode[] more) => Tree(name, [Text("pathname", path), Text("type", type), .. more]);

    /// <summary>A device of the manifest.</summary>
    public static SettingsNode Device(int number, string type, string instance, string name) =>
        Tree($"vdev{number:000}", Text("device", type), Number("flags", 1), Text("instance", instance), Text("name", name));

    public static SettingsNode Text(string name, string value) => new(name, value);

    public static SettingsNode Number(string name, long value) => new(name, value.ToString(System.Globalization.CultureInfo.InvariantCulture));

    public static SettingsNode Flag(string name, bool value) => new(name, value ? "True" : "False");

    public static SettingsNode Bytes(string name, byte[] value) => new(name, Convert.ToBase64String(value));

    // The fields of NDIS_SWITCH_PORT_PROPERTY_VLAN behind its header, as the compiler lays them out.
    private static SettingsNode Vlan(int mode, ushort access, ushort native, params int[] trunk)
    {
        var bytes = new byte[16 + 1024];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, mode);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), access);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(10), native);
        foreach (var id in trunk)
        {
            bytes[16 + 512 + (id / 8)] |= (byte)(1 << (id % 8));
        }

        return Tree("Feature_952C5004-4465-451C-8CB8-FA9AB382B773", Tree("Setting_2", Bytes("Data", bytes)));
    }
}

/// <summary>Writes a tree as the XML of Windows Server 2012 R2.</summary>
public static class XmlSettingsWriter
{
    public static byte[] Write(SettingsNode root, Encoding encoding, bool withMark)
    {
        var text = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-16\" standalone=\"yes\"?>\r\n");
        Append(root);
        var bytes = encoding.GetBytes(text.ToString());
        return withMark ? [.. encoding.GetPreamble(), .. bytes] : bytes;

        void Append(SettingsNode node)
        {
            var value = node.Children.Count == 0 ? System.Security.SecurityElement.Escape(Value(node)) : null;
            text.Append('<').Append(node.Name).Append(value is null ? ">" : " type=\"string\">").Append(value);
            foreach (var child in node.Children)
            {
                Append(child);
            }

            text.Append("</").Append(node.Name).Append(">\r\n");
        }
    }

    private static string Value(SettingsNode node)
    {
        var parent = new SettingsNode("", null);
        parent.Add(node);
        return parent.Text(node.Name) ?? "";
    }
}

/// <summary>Writes a tree in the binary form: headers, an object table, key tables, values of 2048 bytes and more in places of their own.</summary>
public static class BinarySettingsWriter
{
    private const int Alignment = 4096;
    private const int LongValueBytes = 0x800;

    /// <summary>Writes it.</summary>
    /// <param name="root">The tree.</param>
    /// <param name="tableBytes">Size of a key table; entries go on in the next one.</param>
    /// <param name="loggedChanges">Entries in the log.</param>
    public static byte[] Write(SettingsNode root, int tableBytes = 16384, uint loggedChanges = 0)
    {
        var tables = new List<MemoryStream>();
        var files = new List<(byte[] Content, List<(int Table, int At)> Users)>();
        var sequence = 0u;
        AddTable();
        Append(root, 0, 0);

        var objects = new List<(byte Type, long Offset, int Size)>();
        var output = new MemoryStream();
        output.SetLength(0x4000);
        output.Position = output.Length;
        var log = Place(new byte[64]);
        foreach (var (content, users) in files)
        {
            var offset = Place(content);
            objects.Add((3, offset, content.Length));
            foreach (var (table, at) in users)
            {
                tables[table].Position = at;
                tables[table].Write(BitConverter.GetBytes(offset));
            }
        }

        foreach (var table in tables)
        {
            table.SetLength(tableBytes);
            objects.Add((2, Place(table.ToArray()), tableBytes));
        }

        var file = output.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan((int)log), 0x01110003);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan((int)log + 8), loggedChanges);
        Header(file, 0, 6, log);
        Header(file, 0x1000, 7, log);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(0x2000), 0x01110001);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(0x2004), (uint)objects.Count);
        for (var i = 0; i < objects.Count; i++)
        {
            var entry = file.AsSpan(0x2008 + (i * 18));
            entry[0] = objects[i].Type;
            BinaryPrimitives.WriteInt64LittleEndian(entry[5..], objects[i].Offset);
            BinaryPrimitives.WriteInt32LittleEndian(entry[13..], objects[i].Size);
            entry[17] = 1;
        }

        return file;

        long Place(byte[] content)
        {
            output.Position = output.Length;
            var at = output.Position;
            output.Write(content);
            output.SetLength((output.Length + Alignment - 1) / Alignment * Alignment);
            return at;
        }

        void AddTable()
        {
            var table = new MemoryStream();
            table.Write(BitConverter.GetBytes((ushort)2));
            table.Write(BitConverter.GetBytes((ushort)(tables.Count + 1)));
            table.Write(BitConverter.GetBytes((ushort)1));
            table.Write(new byte[4]);
            tables.Add(table);
        }

        void Append(SettingsNode node, ushort parentTable, uint parentOffset)
        {
            var name = Encoding.UTF8.GetBytes(node.Name + "\0");
            var (type, value, file) = Encode(node);
            var size = 21 + name.Length + value.Length;
            if (tables[^1].Length + size > tableBytes)
            {
                AddTable();
            }

            var table = tables[^1];
            var at = (uint)table.Length;
            table.Position = at;
            table.Write(BitConverter.GetBytes((ushort)(type | (file is null ? 0 : 0x100))));
            table.Write(BitConverter.GetBytes(size));
            table.Write(BitConverter.GetBytes(parentTable));
            table.Write(BitConverter.GetBytes(parentOffset));
            table.Write(new byte[4]);
            table.Write(BitConverter.GetBytes(++sequence));
            table.WriteByte((byte)name.Length);
            table.Write(name);
            var index = tables.Count;
            if (file is not null)
            {
                files.Add((file, [(index - 1, (int)table.Position + 4)]));
            }

            table.Write(value);
            foreach (var child in node.Children)
            {
                Append(child, (ushort)index, at);
            }
        }
    }

    private static (byte Type, byte[] Value, byte[]? File) Encode(SettingsNode node)
    {
        var parent = new SettingsNode("", null);
        parent.Add(node);
        if (node.Children.Count > 0 || parent.Text(node.Name) is not { } text)
        {
            return (9, new byte[12], null);
        }

        if (bool.TryParse(text, out var flag))
        {
            return (8, BitConverter.GetBytes(flag ? 1 : 0), null);
        }

        if (long.TryParse(text, out var number))
        {
            return (3, BitConverter.GetBytes(number), null);
        }

        // Base64 of what the fixtures hold as bytes; everything else is text.
        var isBytes = node.Name is "Data" or "creation_time" or "nvram";
        var content = isBytes ? Convert.FromBase64String(text) : Encoding.Unicode.GetBytes(text + "\0");
        var type = (byte)(isBytes ? 7 : 6);
        return content.Length >= LongValueBytes
            ? (type, [.. BitConverter.GetBytes(content.Length), .. new byte[8]], content)
            : (type, [.. BitConverter.GetBytes(content.Length), .. content], null);
    }

    private static void Header(byte[] file, int at, ushort sequence, long log)
    {
        var header = file.AsSpan(at);
        BinaryPrimitives.WriteUInt32LittleEndian(header, 0x01282014);
        BinaryPrimitives.WriteUInt16LittleEndian(header[8..], sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(header[10..], 0x400);
        BinaryPrimitives.WriteUInt32LittleEndian(header[22..], Alignment);
        BinaryPrimitives.WriteInt64LittleEndian(header[26..], log);
        BinaryPrimitives.WriteInt64LittleEndian(header[34..], Alignment);
    }
}
