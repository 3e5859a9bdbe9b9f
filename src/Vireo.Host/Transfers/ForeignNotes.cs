using Vireo.Commands.Services;
using Vireo.Machines.HyperV;

namespace Vireo.Host.Transfers;

/// <summary>What a foreign configuration's reader notes, as incompatibilities.</summary>
internal static class ForeignNotes
{
    /// <summary>One of them.</summary>
    public static Incompatibility Of(ForeignNote note, string path)
    {
        var (kind, resolution) = note.Kind switch
        {
            ForeignNoteKind.VersionTooOld => (IncompatibilityKind.ConfigurationVersionTooOld, ""),
            ForeignNoteKind.VersionTooNew => (IncompatibilityKind.ConfigurationVersionTooNew, ""),
            ForeignNoteKind.ClusterRole => (IncompatibilityKind.ClusterRoleDropped, ""),
            ForeignNoteKind.Device => (IncompatibilityKind.DeviceUnsupported, ""),
            ForeignNoteKind.AssignedDevice => (IncompatibilityKind.AssignedDeviceMissing, ""),
            ForeignNoteKind.SecurityDevice => (IncompatibilityKind.SecurityDeviceDropped, ""),
            ForeignNoteKind.FibreChannel => (IncompatibilityKind.VirtualSanMissing, ""),
            ForeignNoteKind.SharedDrive => (IncompatibilityKind.SharedDiskUnsupported, "Remove-VMHardDiskDrive"),
            ForeignNoteKind.DriveQuality => (IncompatibilityKind.StorageQosDropped, ""),
            ForeignNoteKind.ResourcePool => (IncompatibilityKind.ResourcePoolMissing, ""),
            ForeignNoteKind.SecureBootTemplate => (IncompatibilityKind.SecureBootTemplate, "Set-VMFirmware -EnableSecureBoot Off"),
            ForeignNoteKind.Drivers => (IncompatibilityKind.EmulatedDevicesAdvised, "Set-VM -DeviceModel Synthetic"),
            _ => (IncompatibilityKind.SettingNotTakenOver, ""),
        };
        var message = kind is IncompatibilityKind.ConfigurationVersionTooNew or IncompatibilityKind.ConfigurationVersionTooOld ? $"'{path}': {note.Message}" : note.Message;
        return note.DriveId is { } drive ? new(kind, message, resolution, IncompatibleObject.Drive, drive)
            : note.AdapterId is { } adapter ? new(kind, message, resolution, IncompatibleObject.NetworkAdapter, adapter)
            : new(kind, message, resolution);
    }
}
