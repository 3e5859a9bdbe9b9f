using System.Buffers.Binary;
using Vireo.Machines.Configuration;

namespace Vireo.Machines.HyperV;

/// <summary>
/// What holds at the switch port of a Hyper-V network adapter. Each kind of setting is a feature with a published id, and holds bytes whose layout is
/// not published. Those of VLANs are read as the fields of <c>NDIS_SWITCH_PORT_PROPERTY_VLAN</c> (ntddndis.h) without its header, and whoever imports is told to
/// compare; the others are named as not taken over.
/// </summary>
internal static class ForeignPort
{
    private const int Access = 1;
    private const int Trunk = 2;
    private const int MaximumVlan = 4094;
    private const int BitmapBytes = 512;
    private const string Vlan = "952C5004-4465-451C-8CB8-FA9AB382B773";

    private static readonly (string Id, string Name)[] s_others =
    [
        ("776E0BA7-94A1-41C8-8F28-951F524251B5", "security settings (MAC address spoofing, DHCP guard, router guard, port mirroring)"),
        ("24AD3CE1-69BD-4978-B2AC-DAAD389D699C", "bandwidth limits"),
        ("998BEF4A-5D55-492A-9C43-8B2F5EAE9F2B", "access rules"),
    ];

    /// <summary>Reads the settings of a port.</summary>
    public static (int AccessVlan, AdapterPolicyConfiguration Policy) Read(SettingsNode? connection, string adapter, Guid adapterId, List<ForeignNote> notes)
    {
        var policy = new AdapterPolicyConfiguration();
        if (connection is null)
        {
            return (0, policy);
        }

        foreach (var (id, name) in s_others.Where(other => Setting(connection, other.Id) is not null))
        {
            notes.Add(new(ForeignNoteKind.Setting, $"The {name} of the network adapter '{adapter}' are not taken over; set them again.", AdapterId: adapterId));
        }

        if (Setting(connection, Vlan) is not { } setting)
        {
            return (0, policy);
        }

        var bytes = setting.Bytes("Data") ?? [];
        if (TryRead(bytes, 8, policy, out var vlan, out var read) || TryRead(bytes, 4, policy, out vlan, out read))
        {
            notes.Add(new(
                ForeignNoteKind.Setting,
                $"The VLAN of the network adapter '{adapter}' was read as {(vlan != 0 ? $"access VLAN {vlan}" : $"a trunk of {read.AllowedVlanIds.Count} VLANs with native VLAN {read.NativeVlanId}")}; the layout of that setting is not published, compare it with the source.",
                AdapterId: adapterId));
            return (vlan, read);
        }

        notes.Add(new(ForeignNoteKind.Setting, $"The VLAN setting of the network adapter '{adapter}' could not be read; set it with Set-VMNetworkAdapterVlan.", AdapterId: adapterId));
        return (0, policy);
    }

    private static SettingsNode? Setting(SettingsNode connection, string feature) =>
        connection.Find($"Feature_{feature}")?.Children.FirstOrDefault(child => child.Name.StartsWith("Setting_", StringComparison.OrdinalIgnoreCase));

    // The mode, then, behind padding perhaps: access VLAN, native VLAN, bitmaps of VLANs that are pruned and that are in the trunk.
    private static bool TryRead(ReadOnlySpan<byte> bytes, int start, AdapterPolicyConfiguration policy, out int vlan, out AdapterPolicyConfiguration read)
    {
        (vlan, read) = (0, policy);
        if (bytes.Length < start + 4)
        {
            return false;
        }

        var mode = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        var (access, native) = (BinaryPrimitives.ReadUInt16LittleEndian(bytes[start..]), BinaryPrimitives.ReadUInt16LittleEndian(bytes[(start + 2)..]));
        if (mode == Access && access is > 0 and <= MaximumVlan)
        {
            vlan = access;
            return true;
        }

        // The bitmaps lie on a multiple of their elements' size.
        var bitmaps = (start + 4 + 7) & ~7;
        if (mode != Trunk || native > MaximumVlan || bytes.Length < bitmaps + (2 * BitmapBytes))
        {
            return false;
        }

        var trunk = bytes.Slice(bitmaps + BitmapBytes, BitmapBytes);
        var allowed = new List<int>();
        for (var id = 1; id <= MaximumVlan; id++)
        {
            if ((trunk[id / 8] & (1 << (id % 8))) != 0)
            {
                allowed.Add(id);
            }
        }

        read = policy with { VlanMode = AdapterVlanMode.Trunk, AllowedVlanIds = allowed, NativeVlanId = native };
        return allowed.Count > 0;
    }
}
