using System.Buffers.Binary;
using System.Text;
using Vireo.Machines.Configuration;
using Vireo.Machines.HyperV;
using Vireo.Testing;

namespace Vireo.Machines.Tests.HyperV;

/// <summary>Configurations of Hyper-V in both of their forms become machines, and what cannot be taken over is named.</summary>
public sealed class ForeignMachineTests
{
    public static TheoryData<string> Forms => ["utf-16", "utf-16 without a mark", "utf-16 big endian", "utf-8", "ascii", "binary", "binary in small tables"];

    [Theory]
    [MemberData(nameof(Forms))]
    [Requirement("IM-5")]
    public void A_generation_1_machine_is_taken_over_device_by_device(string form)
    {
        var read = ForeignMachine.Read(Parse(ForeignFixtures.GenerationOne(), form), DateTime.UnixEpoch);
        var machine = read.Machine;
        Assert.Equal(new Guid("0aa394fa-7c4a-4070-ba32-773d43b28a68"), machine.Id);
        Assert.Equal(form == "ascii" ? "web ?" : "web ä", machine.Name);
        Assert.Equal("two\nlines", machine.Notes.ReplaceLineEndings("\n"));
        Assert.Equal(1, machine.Generation);
        Assert.Equal(DeviceModel.Emulated, machine.DeviceModel);
        Assert.Equal(DateTimeOffset.FromFileTime(130599959406707888), machine.CreationTime);
        Assert.Equal(new ProcessorConfiguration { Count = 4, LimitPercent = 75, ReservePercent = 10, RelativeWeight = 200, CompatibilityForMigrationEnabled = true, ExposeVirtualizationExtensions = true }, machine.Processor);
        Assert.Equal(new MemoryConfiguration { StartupBytes = 2L << 30, MinimumBytes = 512L << 20, MaximumBytes = 4L << 30, DynamicMemoryEnabled = true, BufferPercent = 30, Priority = 80 }, machine.Memory);
        Assert.Equal(
            [
                (DriveKind.HardDisk, DriveBus.Ide, 0, 0, @"D:\VMs\web\Virtual Hard Disks\System.vhdx"), (DriveKind.Dvd, DriveBus.Ide, 1, 0, @"D:\iso\setup.iso"), (DriveKind.Dvd, DriveBus.Ide, 1, 1, null),
                (DriveKind.HardDisk, DriveBus.Scsi, 0, 0, @"\\nas\vms\data.vhd"), (DriveKind.HardDisk, DriveBus.Scsi, 0, 5, @"D:\VMs\web\log.vhdx"), (DriveKind.HardDisk, DriveBus.Scsi, 1, 63, @"\\.\PHYSICALDRIVE2"),
            ],
            machine.Drives.Select(drive => (drive.Kind, drive.Bus, drive.ControllerNumber, drive.ControllerLocation, drive.Path)));
        Assert.Equal(2, machine.ScsiControllers);
        Assert.Equal(2, machine.NetworkAdapters.Count);
        var (front, legacy) = (machine.NetworkAdapters[0], machine.NetworkAdapters[1]);
        Assert.Equal(("Front", "00155D0107DC", false, false, "LAN", 12), (front.Name, front.MacAddress, front.DynamicMacAddress, front.IsLegacy, front.SwitchName, front.AccessVlanId));
        Assert.Equal(new Guid("438b7b13-6180-4155-b7bf-08709ccf234d"), front.SwitchId);
        Assert.Equal(("Legacy", "", true, true, (Guid?)null), (legacy.Name, legacy.MacAddress, legacy.DynamicMacAddress, legacy.IsLegacy, legacy.SwitchId));
        Assert.Equal((AdapterVlanMode.Trunk, 5), (legacy.Policy.VlanMode, legacy.Policy.NativeVlanId));
        Assert.Equal([10, 20, 4094], legacy.Policy.AllowedVlanIds);
        Assert.Equal([@"\\.\pipe\web", null], machine.ComPorts);
        Assert.Equal(["IDE", "CD", "LegacyNetworkAdapter", "Floppy"], machine.BiosStartupOrder);
        Assert.True(machine.NumLockEnabled);
        Assert.Equal(["Guest Service Interface"], machine.DisabledIntegrationServices);
        Assert.Equal(("Start", 30, "ShutDown"), (machine.AutomaticStartAction, machine.AutomaticStartDelaySeconds, machine.AutomaticStopAction));
        Assert.True(machine.HasSavedState);
        Assert.Equal(2, read.CheckpointCount);
        Assert.False(read.IsCheckpoint);
        var expected = new[]
        {
            ForeignNoteKind.ClusterRole, ForeignNoteKind.Device, ForeignNoteKind.AssignedDevice, ForeignNoteKind.SecurityDevice, ForeignNoteKind.FibreChannel, ForeignNoteKind.SharedDrive,
            ForeignNoteKind.DriveQuality, ForeignNoteKind.ResourcePool, ForeignNoteKind.Setting, ForeignNoteKind.Drivers,
        };
        Assert.Equal(expected, read.Notes.Select(note => note.Kind).Distinct().Order());
        Assert.Contains(read.Notes, note => note.Message.Contains("floppy.vfd", StringComparison.Ordinal));
        Assert.Contains(read.Notes, note => note.Message.Contains("security settings", StringComparison.Ordinal) && note.AdapterId == legacy.Id);
        Assert.Equal(machine.Drives[0].Id, Assert.Single(read.Notes, note => note.Kind == ForeignNoteKind.DriveQuality).DriveId);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    [Requirement("IM-5")]
    public void A_generation_2_machine_keeps_its_firmware_settings(string form)
    {
        var read = ForeignMachine.Read(Parse(ForeignFixtures.GenerationTwo(), form), DateTime.UnixEpoch);
        var machine = read.Machine;
        Assert.Equal((2, true, true, "IPv6", "COM1"), (machine.Generation, machine.SecureBootEnabled, machine.PauseAfterBootFailure, machine.PreferredNetworkBootProtocol, machine.ConsoleMode));
        Assert.Equal([machine.Drives[1].Id, machine.Drives[0].Id], machine.FirmwareBootOrder);
        Assert.DoesNotContain(read.Notes, note => note.Kind == ForeignNoteKind.SecureBootTemplate);
        Assert.Contains(read.Notes, note => note.Message.Contains("variables of the UEFI firmware", StringComparison.Ordinal));
    }

    [SharedDataFact]
    [Requirement("IM-5")]
    public void A_real_export_that_says_utf_16_and_is_ascii_is_read()
    {
        var read = ForeignMachine.Read(XmlSettings.Parse(File.ReadAllBytes(Path.Combine(SharedData.Folder!, "config/mwrock-vm.XML"))), DateTime.UnixEpoch);
        Assert.Equal("2012R2", read.Machine.Name);
        Assert.Equal((1, 1, 1L << 30), (read.Machine.Generation, read.Machine.Processor.Count, read.Machine.Memory.StartupBytes));
        Assert.Equal([@"C:\dev\vagrant\Win2k12R2\.vagrant\machines\default\hyperv\disk.vhd", null], read.Machine.Drives.Select(drive => drive.Path));
        var adapter = Assert.Single(read.Machine.NetworkAdapters);
        Assert.Equal(("Network Adapter", "Virtual External Switch", "00155D0107DC"), (adapter.Name, adapter.SwitchName, adapter.MacAddress));
        Assert.Equal(["CD", "IDE", "LegacyNetworkAdapter", "Floppy"], read.Machine.BiosStartupOrder);
        Assert.DoesNotContain(read.Notes, note => note.Kind is ForeignNoteKind.Device or ForeignNoteKind.ClusterRole);
    }

    [Theory]
    [InlineData(768, ForeignNoteKind.VersionTooOld)]
    [InlineData(0xD00, ForeignNoteKind.VersionTooNew)]
    [Requirement("IM-3")]
    public void Versions_that_are_not_read_are_noted(int version, ForeignNoteKind kind)
    {
        var root = ForeignFixtures.Tree("configuration", ForeignFixtures.Tree("properties", ForeignFixtures.Text("global_id", Guid.NewGuid().ToString()), ForeignFixtures.Number("version", version)));
        Assert.Contains(ForeignMachine.Read(root, DateTime.UnixEpoch).Notes, note => note.Kind == kind);
    }

    [Fact]
    [Requirement("IM-5")]
    public void Free_entries_that_many_tables_share_are_counted()
    {
        // A thousand tables, each of which leads to the same long run of free entries.
        const int tables = 1000, run = 20_000, entryBytes = 21, tablesAt = 0x10000, runAt = 0x20000;
        var file = new byte[runAt + (run * entryBytes)];
        BinaryPrimitives.WriteUInt32LittleEndian(file, 0x01282014);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(10), 0x400);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(0x2000), 0x01110001);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(0x2004), tables);
        for (var i = 0; i < tables; i++)
        {
            var entry = file.AsSpan(0x2008 + (i * 18));
            var table = tablesAt + (i * 32);
            entry[0] = 2;
            entry[17] = 1;
            BinaryPrimitives.WriteInt64LittleEndian(entry[5..], table);
            BinaryPrimitives.WriteInt32LittleEndian(entry[13..], file.Length - table);
            BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(table), 2);
            BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(table + 2), (ushort)i);
            file[table + 10] = 1;
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(table + 12), runAt - table - 10);
        }

        for (var at = runAt; at < file.Length; at += entryBytes)
        {
            file[at] = 1;
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at + 2), entryBytes);
        }

        Assert.Contains("more entries", Assert.Throws<SettingsFormatException>(() => BinarySettings.Parse(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("IM-5")]
    public void A_machine_without_an_id_is_none() =>
        Assert.Throws<SettingsFormatException>(() => ForeignMachine.Read(ForeignFixtures.Tree("configuration", ForeignFixtures.Properties(Guid.Empty.ToString(), "none", 0)), DateTime.UnixEpoch));

    [Fact]
    [Requirement("IM-5")]
    public void Changes_that_are_only_in_the_log_are_told()
    {
        var root = BinarySettings.Parse(BinarySettingsWriter.Write(ForeignFixtures.GenerationTwo(), loggedChanges: 3));
        Assert.Contains(ForeignMachine.Read(root, DateTime.UnixEpoch).Notes, note => note.Message.Contains("log", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("<!DOCTYPE configuration [<!ENTITY a \"b\">]><configuration>&a;</configuration>")]
    [InlineData("<configuration xmlns:x=\"y\"><a>&a;</a></configuration>")]
    [InlineData("<domain/>")]
    [InlineData("<configuration>")]
    [InlineData("")]
    [Requirement("IM-5")]
    public void Hostile_xml_is_refused(string text) => Assert.Throws<SettingsFormatException>(() => XmlSettings.Parse(Encoding.UTF8.GetBytes(text)));

    [Fact]
    [Requirement("IM-5")]
    public void Xml_that_is_too_deep_or_too_large_is_refused()
    {
        Assert.Throws<SettingsFormatException>(() => XmlSettings.Parse(Encoding.UTF8.GetBytes("<configuration>" + string.Concat(Enumerable.Repeat("<a>", 100_000)))));
        Assert.Throws<SettingsFormatException>(() => XmlSettings.Parse(Encoding.UTF8.GetBytes("<configuration>" + string.Concat(Enumerable.Repeat("<a/>", 300_000)))));
        Assert.Throws<SettingsFormatException>(() => XmlSettings.Parse(new byte[40 << 20]));
    }

    private static SettingsNode Parse(SettingsNode tree, string form) => form switch
    {
        "utf-16" => XmlSettings.Parse(XmlSettingsWriter.Write(tree, Encoding.Unicode, withMark: true)),
        "utf-16 without a mark" => XmlSettings.Parse(XmlSettingsWriter.Write(tree, Encoding.Unicode, withMark: false)),
        "utf-16 big endian" => XmlSettings.Parse(XmlSettingsWriter.Write(tree, Encoding.BigEndianUnicode, withMark: true)),
        "utf-8" => XmlSettings.Parse(XmlSettingsWriter.Write(tree, new UTF8Encoding(true), withMark: true)),
        "ascii" => XmlSettings.Parse(XmlSettingsWriter.Write(tree, Encoding.ASCII, withMark: false)),
        "binary" => BinarySettings.Parse(BinarySettingsWriter.Write(tree)),
        _ => BinarySettings.Parse(BinarySettingsWriter.Write(tree, tableBytes: 2048)),
    };
}
