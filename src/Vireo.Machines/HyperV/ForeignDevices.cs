using Vireo.Machines.Configuration;

namespace Vireo.Machines.HyperV;

/// <summary>Devices of a Hyper-V configuration: those in the manifest, and those that every machine of generation 1 has.</summary>
internal sealed class ForeignDevices
{
    private const string IdeSection = "_83f8638b-8dca-4152-9eda-2ca8b33039b4_";
    private const string FloppySection = "_8f0d2762-0b00-4e04-af4f-19010527cb93_";
    private const string SerialSection = "_8e3a359f-559a-4b6a-98a9-1690a6100ed7_";
    private const int MaximumDevices = 1000;
    private static readonly Guid s_scsi = new("d422512d-2bf2-4752-809d-7b82b5fcb1b4");
    private static readonly Guid s_ethernet = new("2fc216b0-d2e2-4967-9b6d-b8a5c9ca2778");
    private static readonly Guid s_tpm = new("736e6aa9-a3f8-49c0-9550-a963214d259a");
    private static readonly Guid s_assigned = new("2fcc454e-a36a-4c77-bb5e-a2d75a51f02c");

    // Services in the guest, by their devices; the names are those of the commands.
    private static readonly Dictionary<Guid, string> s_services = new()
    {
        [new("6c09bb55-d683-4da0-8931-c9bf705f6480")] = "Guest Service Interface",
        [new("84eaae65-2f2e-45f5-9bb5-0e857dc8eb47")] = "Heartbeat",
        [new("2a34b1c2-fd73-4043-8a5b-dd2159bc743f")] = "Key-Value Pair Exchange",
        [new("9f8233ac-be49-4c79-8ee3-e7e1985b2077")] = "Shutdown",
        [new("2497f4de-e9fa-4204-80e4-4b75c46419c0")] = "Time Synchronization",
        [new("5ced1297-4598-4915-a5fc-ad21bb4d02a4")] = "VSS",
    };

    // What a machine has anyway, under other names, or does not miss: keyboard, mouse, video, chipset, bus, remote desktop, activation, drives above.
    private static readonly HashSet<Guid> s_common =
    [
        .. new[]
        {
            "197f74e3-b84b-46de-8ae6-82f1cd181cdc", "35b0b12f-a0d7-482f-80a0-f52f1ab3da2e", "4d42d9f7-6531-4f6c-9e46-1f0477876104", "4d46d139-7821-4dc4-98a3-01e98a586a44",
            "58f75a6d-d949-4320-99e1-a2a2576d581c", "655bc5c5-a784-46b7-81bc-e26328f7eb0e", "6c5addb9-a11a-4e8e-84cb-e6208201db63", "72682fc4-040a-430a-be0b-224574b953fe",
            "7d80d3db-61ee-4879-8879-5609f1100ad0", "83f8638b-8dca-4152-9eda-2ca8b33039b4", "84535fad-4d98-4a6a-bdcd-21d5720dc430", "87045ce9-5323-438f-93bb-1e83dcbce18e",
            "8e3a359f-559a-4b6a-98a9-1690a6100ed7", "8f0d2762-0b00-4e04-af4f-19010527cb93", "917bd8cb-3bb6-4124-9383-b7d21ac07f79", "9cb98db1-4d09-4538-a192-2d3d8c0b6cdb",
            "9ed5fd4b-40c3-4de3-8597-98ecd17035da", "9edd1639-9bca-40dc-b3a2-07c828da60b5", "a28e4d02-3323-4148-9569-565930a5cb39", "ac6b8dc1-3257-4a70-b1b2-a9c9215659ad",
            "ba8735ef-e3a9-4f1b-badd-dbf3a5909915", "bc12c717-8898-4688-8ee4-2cd14894f8ea", "d41a1872-3740-41ce-a1ee-4522ab82f991", "db8b9818-b4bb-4725-b99d-b4612716b6b4",
            "de6cdc86-e1fb-4940-801b-c3c1a26c4da4", "deaeeed3-4119-4b44-95cf-a73604b76971", "e3c82929-edb4-475e-85a4-29aaa2a30c2d", "e51b7ef6-4a7f-4780-aaae-d4b291aacd2e",
            "f3cf6965-e8d3-44a9-9b7d-a04245ea7525",
        }.Select(static id => new Guid(id)),
        .. s_services.Keys,
    ];

    private readonly List<DriveConfiguration> _drives = [];
    private readonly List<NetworkAdapterConfiguration> _adapters = [];
    private readonly List<ForeignNote> _notes;

    private ForeignDevices(List<ForeignNote> notes) => _notes = notes;

    /// <summary>Hard disk and DVD drives.</summary>
    public IReadOnlyList<DriveConfiguration> Drives => _drives;

    /// <summary>Network adapters.</summary>
    public IReadOnlyList<NetworkAdapterConfiguration> Adapters => _adapters;

    /// <summary>Virtual SCSI controllers.</summary>
    public int ScsiControllers { get; private set; }

    /// <summary>Reads them.</summary>
    public static ForeignDevices Read(SettingsNode root, int generation, List<ForeignNote> notes)
    {
        var devices = new ForeignDevices(notes);
        if (generation == 1 && root.Find(IdeSection) is { } ide)
        {
            devices.ReadControllers(ide, DriveBus.Ide, 0);
        }

        foreach (var device in (root.Find("manifest")?.Children ?? []).Where(child => child.Name.StartsWith("vdev", StringComparison.OrdinalIgnoreCase)).Take(MaximumDevices))
        {
            devices.ReadDevice(root, device);
        }

        if (generation == 1 && root.Text($"{FloppySection}/controller0/drive0/pathname") is { Length: > 0 } floppy)
        {
            notes.Add(new(ForeignNoteKind.Device, $"The floppy disk '{floppy}' is not taken over."));
        }

        return devices;
    }

    /// <summary>Services in the guest that are switched off.</summary>
    public static IReadOnlyList<string> DisabledServices(SettingsNode root) =>
        [.. s_services.Where(service => root.Flag($"_{service.Key:D}_/Enabled") == false).Select(service => service.Value).Order(StringComparer.Ordinal)];

    /// <summary>Pipes of both serial ports; null is none.</summary>
    public static IReadOnlyList<string?> SerialPorts(SettingsNode root) =>
        [.. new[] { 0, 1 }.Select(port => root.Text($"{SerialSection}/port{port}/connection") is { Length: > 0 } pipe ? pipe : null)];

    private void ReadDevice(SettingsNode root, SettingsNode device)
    {
        var name = device.Text("name") is { Length: > 0 } given ? given : "without a name";
        if (device.Id("device") is not { } type || device.Id("instance") is not { } instance)
        {
            return;
        }

        var section = root.Find($"_{instance:D}_") ?? new SettingsNode("", null);
        if (type == s_scsi)
        {
            ReadControllers(section, DriveBus.Scsi, ScsiControllers++);
        }
        else if (type == s_ethernet || section.Find("MacAddress") is not null)
        {
            ReadAdapter(section, instance, isLegacy: type != s_ethernet);
        }
        else if (type == s_tpm)
        {
            _notes.Add(new(ForeignNoteKind.SecurityDevice, "The virtual TPM is not taken over: its keys stay with the host that it was made on. What is encrypted with it needs its recovery key."));
        }
        else if (type == s_assigned)
        {
            _notes.Add(new(ForeignNoteKind.AssignedDevice, $"The assigned device '{section.Text("HostResources/HostResource/Instance") ?? name}' is one of its host and is not taken over."));
        }
        else if (name.Contains("FibreChannel", StringComparison.OrdinalIgnoreCase) || name.Contains("Fibre Channel", StringComparison.OrdinalIgnoreCase))
        {
            _notes.Add(new(ForeignNoteKind.FibreChannel, $"The virtual Fibre Channel adapter '{name}' is not taken over: this host has no virtual SAN."));
        }
        else if (!s_common.Contains(type))
        {
            _notes.Add(new(ForeignNoteKind.Device, $"The device '{name}' ({type}) is not taken over: Vireo has no such device."));
        }
    }

    // An IDE section holds both controllers; each SCSI controller has a section of its own, with one.
    private void ReadControllers(SettingsNode section, DriveBus bus, int first)
    {
        foreach (var controller in section.Children)
        {
            if (Numbered(controller.Name, "controller") is not { } number)
            {
                continue;
            }

            foreach (var drive in controller.Children)
            {
                if (Numbered(drive.Name, "drive") is { } location && _drives.Count < MaximumDevices)
                {
                    ReadDrive(drive, bus, bus == DriveBus.Ide ? number : first, location);
                }
            }
        }
    }

    private void ReadDrive(SettingsNode drive, DriveBus bus, int controller, int location)
    {
        var path = drive.Text("pathname") is { Length: > 0 } given ? given : null;
        var type = drive.Text("type")?.ToUpperInvariant();
        if (type == "NONE" || (path is null && type != "ISO"))
        {
            return;
        }

        var one = new DriveConfiguration
        {
            Id = Guid.NewGuid(),
            Kind = type == "ISO" ? DriveKind.Dvd : DriveKind.HardDisk,
            Bus = bus,
            ControllerNumber = controller,
            ControllerLocation = location,
            Path = path,
        };
        _drives.Add(one);
        if (drive.Flag("persistent_reservations_supported") == true)
        {
            _notes.Add(new(ForeignNoteKind.SharedDrive, $"The disk '{path}' was shared with other virtual machines; here it belongs to one.", one.Id));
        }

        if ((drive.Number("iops_limit") ?? 0) > 0 || (drive.Number("iops_reservation") ?? 0) > 0 || drive.Text("qos_policy_id") is { Length: > 0 })
        {
            _notes.Add(new(ForeignNoteKind.DriveQuality, $"The limits of requests per second of the disk '{path}' are not taken over.", one.Id));
        }

        AddPool(drive.Text("pool_id"), $"the disk '{path}'", one.Id, null);
    }

    private void ReadAdapter(SettingsNode section, Guid instance, bool isLegacy)
    {
        var name = section.Text("FriendlyName") is { Length: > 0 } given ? given : isLegacy ? "Legacy Network Adapter" : "Network Adapter";
        var address = new string([.. (section.Text("MacAddress") ?? "").Where(char.IsAsciiHexDigit)]).ToUpperInvariant();
        var isConnected = section.Flag("IsConnected") ?? section.Text("SwitchName") is { Length: > 0 };
        var switchName = section.Text("Connection/AltSwitchName") is { Length: > 0 } alternative ? alternative : null;
        var (vlan, policy) = ForeignPort.Read(section.Find("Connection"), name, instance, _notes);
        _adapters.Add(new NetworkAdapterConfiguration
        {
            Id = instance,
            Name = name,
            MacAddress = address.Length == 12 && address.Any(digit => digit != '0') ? address : "",
            DynamicMacAddress = !(section.Flag("MacAddressIsStatic") ?? false),
            IsLegacy = isLegacy,

            // The id is that of a switch of the source; a name alone stands for a switch too.
            SwitchId = !isConnected ? null : section.Id("SwitchName") ?? (switchName is null ? null : Guid.NewGuid()),
            SwitchName = switchName,
            AccessVlanId = vlan,
            Policy = policy,
        });
        AddPool(section.Text("Connection/PoolId"), $"the network adapter '{name}'", null, instance);
    }

    private void AddPool(string? pool, string what, Guid? drive, Guid? adapter)
    {
        if (pool is { Length: > 0 } && !pool.EndsWith("\\Root", StringComparison.OrdinalIgnoreCase))
        {
            _notes.Add(new(ForeignNoteKind.ResourcePool, $"The resource pool '{pool}' of {what} is not taken over.", drive, adapter));
        }
    }

    private static int? Numbered(string name, string prefix) =>
        name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) && int.TryParse(name.AsSpan(prefix.Length), System.Globalization.NumberStyles.None, null, out var number) ? number : null;
}
