using System.Buffers.Binary;
using Vireo.Machines.Configuration;

namespace Vireo.Machines.HyperV;

/// <summary>A configuration of Hyper-V as a machine of Vireo.</summary>
/// <param name="Machine">The machine or, when the file is a checkpoint's, the machine then. Paths are those of its host; folders are empty.</param>
/// <param name="MachineId">The machine that it belongs to: for a checkpoint another id than <see cref="Machine"/>'s.</param>
/// <param name="IsCheckpoint">The file is a checkpoint's.</param>
/// <param name="CheckpointCount">How many checkpoints the machine says it has.</param>
/// <param name="Notes">What is not taken over as it is.</param>
public sealed record ForeignMachine(VirtualMachineConfiguration Machine, Guid MachineId, bool IsCheckpoint, int CheckpointCount, IReadOnlyList<ForeignNote> Notes)
{
    // Configuration versions, the major number in the upper byte: 4.0 is Windows Server 2012, 5.0 is 2012 R2, 8.0 is 2016, 12.0 is 2025.
    private const int OldestVersion = 0x400;
    private const int NewestVersion = 0xCFF;

    /// <summary>Takes over what there is a counterpart for, and notes the rest.</summary>
    /// <param name="root">The configuration.</param>
    /// <param name="written">When the file was written, for one that does not say when the machine was created.</param>
    /// <exception cref="SettingsFormatException">The configuration says not even which machine it is about.</exception>
    public static ForeignMachine Read(SettingsNode root, DateTime written)
    {
        ArgumentNullException.ThrowIfNull(root);
        var notes = new List<ForeignNote>();
        var id = root.Id("properties/global_id") is { } found && found != Guid.Empty ? found : throw new SettingsFormatException("it does not say the id of its virtual machine");
        var generation = (int)Math.Clamp((root.Number("properties/subtype") ?? 0) + 1, 0, 99);
        CheckVersion(root, notes);
        var devices = ForeignDevices.Read(root, generation, notes);
        var machine = new VirtualMachineConfiguration
        {
            Id = id,
            Name = root.Text("properties/name") ?? "",
            Generation = generation,

            // What the guest has drivers for is not written anywhere: these every operating system finds.
            DeviceModel = DeviceModel.Emulated,
            CreationTime = CreationTime(root) ?? new DateTimeOffset(written, TimeSpan.Zero),
            Path = "",
            SnapshotFileLocation = "",
            SmartPagingFilePath = "",
            Notes = root.Text("properties/notes") ?? "",
            Memory = Memory(root),
            Processor = Processor(root, notes),
            Drives = devices.Drives,
            ScsiControllers = Math.Max(1, devices.ScsiControllers),
            NetworkAdapters = devices.Adapters,
            ComPorts = ForeignDevices.SerialPorts(root),
            AutomaticStartAction = root.Number("global_settings/power/host_startup/action") switch { 0 => "Nothing", 2 => "Start", _ => "StartIfRunning" },
            AutomaticStartDelaySeconds = (int)Math.Clamp(root.Number("global_settings/power/host_startup/delay") ?? 0, 0, VirtualMachineConfiguration.MaximumStartDelaySeconds),
            AutomaticStopAction = root.Number("global_settings/power/host_shutdown/action") switch { 0 => "TurnOff", 2 => "ShutDown", _ => "Save" },
            DisabledIntegrationServices = ForeignDevices.DisabledServices(root),
            HasSavedState = root.Text("savedstate/type") is { Length: > 0 } || root.Text("savedstate/memlocation") is { Length: > 0 },
        };
        machine = ForeignFirmware.Apply(root, machine, notes);
        if (root.HasPendingChanges)
        {
            notes.Add(new(ForeignNoteKind.Setting, "The configuration's last changes are in its log and were not read: start and stop Hyper-V's management service on the source once, or compare the settings."));
        }

        if (root.Flag("properties/highly_available") == true)
        {
            notes.Add(new(ForeignNoteKind.ClusterRole, $"The virtual machine '{machine.Name}' was a role of a failover cluster; here it belongs to this host alone."));
        }

        notes.Add(new(
            ForeignNoteKind.Drivers,
            $"The guest of '{machine.Name}' comes from Hyper-V and gets emulated disks and network adapters. When it has virtio drivers, as Linux has from the start, 'Set-VM -DeviceModel Synthetic' gives it the fast ones; for Windows use 'Set-VM -GuestFamily Windows' too."));
        var isCheckpoint = string.Equals(root.Text("properties/type_id"), "Snapshots", StringComparison.OrdinalIgnoreCase);
        var checkpoints = root.Number("global_settings/snapshots/list/size") ?? 0;
        return new(machine, root.Id("settings/global/logical_id") ?? id, isCheckpoint, (int)Math.Clamp(checkpoints, 0, 10_000), notes);
    }

    private static void CheckVersion(SettingsNode root, List<ForeignNote> notes)
    {
        if (root.Number("properties/version") is not { } version)
        {
            return;
        }

        if (version is < OldestVersion or > NewestVersion)
        {
            var isOld = version < OldestVersion;
            notes.Add(new(
                isOld ? ForeignNoteKind.VersionTooOld : ForeignNoteKind.VersionTooNew,
                $"The configuration has the version {version >> 8}.{version & 0xFF}; versions 4.0 (Windows Server 2012) to 12.x are read. {(isOld ? "Import it on a newer Hyper-V and export it there." : "Update this host.")}"));
        }
    }

    private static DateTimeOffset? CreationTime(SettingsNode root)
    {
        // A FILETIME: 100 ns since 1601, little endian.
        if (root.Bytes("properties/creation_time") is not { Length: >= 8 } bytes)
        {
            return null;
        }

        var ticks = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        return ticks >= 0 && ticks < DateTime.MaxValue.Ticks - new DateTime(1601, 1, 1).Ticks ? new DateTimeOffset(DateTime.FromFileTimeUtc(ticks)) : null;
    }

    private static MemoryConfiguration Memory(SettingsNode root)
    {
        var bank = root.Find("settings/memory/bank") ?? new SettingsNode("bank", null);
        var defaults = new MemoryConfiguration();
        return defaults with
        {
            StartupBytes = Megabytes(bank, "size") ?? defaults.StartupBytes,
            MinimumBytes = Megabytes(bank, "reservation") ?? defaults.MinimumBytes,
            MaximumBytes = Megabytes(bank, "limit") ?? defaults.MaximumBytes,
            DynamicMemoryEnabled = bank.Flag("dynamic_memory_enabled") ?? false,
            BufferPercent = (int)Math.Clamp(bank.Number("target_memory_buffer") ?? defaults.BufferPercent, int.MinValue, int.MaxValue),
            Priority = (int)Math.Clamp((bank.Number("priority") ?? 5000) / 100, int.MinValue, int.MaxValue),
        };
    }

    private static long? Megabytes(SettingsNode bank, string name) => bank.Number(name) is { } megabytes ? Math.Clamp(megabytes, 0, 1L << 40) << 20 : null;

    private static ProcessorConfiguration Processor(SettingsNode root, List<ForeignNote> notes)
    {
        var processors = root.Find("settings/processors") ?? new SettingsNode("processors", null);
        if (processors.Flag("limit_cpuid") == true)
        {
            notes.Add(new(ForeignNoteKind.Setting, "The limit of processor functions for old operating systems is not taken over."));
        }

        return new()
        {
            Count = (int)Math.Clamp(processors.Number("count") ?? 1, int.MinValue, int.MaxValue),

            // Thousandths of a percent.
            LimitPercent = (int)Math.Clamp((processors.Number("limit") ?? 100_000) / 1000, int.MinValue, int.MaxValue),
            ReservePercent = (int)Math.Clamp((processors.Number("reservation") ?? 0) / 1000, int.MinValue, int.MaxValue),
            RelativeWeight = (int)Math.Clamp(processors.Number("weight") ?? 100, int.MinValue, int.MaxValue),
            CompatibilityForMigrationEnabled = processors.Flag("features/limit") ?? false,
            ExposeVirtualizationExtensions = processors.Flag("nested_virtualization/enabled") ?? false,
        };
    }
}
