using Vireo.Machines.Configuration;

namespace Vireo.Machines.HyperV;

/// <summary>BIOS and UEFI settings of a Hyper-V configuration.</summary>
internal static class ForeignFirmware
{
    private const string Section = "_ac6b8dc1-3257-4a70-b1b2-a9c9215659ad_";

    // Which certificates the firmware trusts; both kinds start with Vireo's firmware, which trusts the same authorities.
    private static readonly HashSet<Guid> s_templates =
    [
        new("1734c6e8-3154-4dda-ba5f-a874cc483422"), // MicrosoftWindows
        new("272e7447-90a4-4563-a4b9-8e4ab00526ce"), // MicrosoftUEFICertificateAuthority
    ];

    /// <summary>Takes them over.</summary>
    public static VirtualMachineConfiguration Apply(SettingsNode root, VirtualMachineConfiguration machine, List<ForeignNote> notes)
    {
        var bios = root.Find(Section) ?? new SettingsNode(Section, null);
        var secure = bios.Flag("secure_boot_enabled") ?? false;
        if (secure && bios.Id("secure_boot_template_id") is { } template && template != Guid.Empty && !s_templates.Contains(template))
        {
            notes.Add(new(ForeignNoteKind.SecureBootTemplate, $"The secure boot template {template} is not known; the firmware trusts the usual authorities instead."));
        }

        if (bios.Text("bios_guid") is { Length: > 0 })
        {
            notes.Add(new(ForeignNoteKind.Setting, "The serial numbers and the id of the BIOS are not taken over; software that is bound to them may ask to be activated again."));
        }

        machine = machine with { NumLockEnabled = bios.Flag("num_lock") ?? false };
        if (machine.Generation != 2)
        {
            return machine with { BiosStartupOrder = StartupOrder(bios) ?? machine.BiosStartupOrder };
        }

        if (bios.Find("nvram") is not null)
        {
            notes.Add(new(ForeignNoteKind.Setting, "The variables of the UEFI firmware, with the boot entries that the guest made, are not taken over; the firmware starts from the disks in their order."));
        }

        return machine with
        {
            SecureBootEnabled = secure,
            PauseAfterBootFailure = bios.Flag("pause_after_boot_failure") ?? false,
            PreferredNetworkBootProtocol = bios.Number("pxe_preferred_protocol") == 6 ? "IPv6" : "IPv4",
            ConsoleMode = bios.Number("console_mode") switch { 1 => "COM1", 2 => "COM2", 3 => "None", _ => "Default" },
            FirmwareBootOrder = FirmwareOrder(bios, machine),
        };
    }

    private static IReadOnlyList<string>? StartupOrder(SettingsNode bios)
    {
        var order = Kinds(bios).Select(kind => kind switch
        {
            "OPTICAL" => "CD",
            "HARDDRIVE" => "IDE",
            "NETWORK" => "LegacyNetworkAdapter",
            "FLOPPY" => "Floppy",
            _ => null,
        }).OfType<string>().Distinct().ToList();
        return order.Count == 0 ? null : [.. order, .. new[] { "CD", "IDE", "LegacyNetworkAdapter", "Floppy" }.Except(order)];
    }

    // Kinds of device, if the configuration has them; what is not named comes after: disks, DVDs, adapters.
    private static IReadOnlyList<Guid> FirmwareOrder(SettingsNode bios, VirtualMachineConfiguration machine)
    {
        var disks = machine.Drives.Where(drive => drive.Kind == DriveKind.HardDisk).Select(drive => drive.Id).ToList();
        var media = machine.Drives.Where(drive => drive.Kind == DriveKind.Dvd).Select(drive => drive.Id).ToList();
        var adapters = machine.NetworkAdapters.Select(adapter => adapter.Id).ToList();
        var named = Kinds(bios).SelectMany(kind => kind switch { "HARDDRIVE" => disks, "OPTICAL" => media, "NETWORK" => adapters, _ => [] });
        return [.. named.Concat(disks).Concat(media).Concat(adapters).Distinct()];
    }

    private static IEnumerable<string> Kinds(SettingsNode bios) =>
        Enumerable.Range(0, 8).Select(number => bios.Text($"boot/device{number}")?.ToUpperInvariant()).OfType<string>();
}
