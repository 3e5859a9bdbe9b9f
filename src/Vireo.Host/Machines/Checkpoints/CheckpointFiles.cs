using System.Text.RegularExpressions;
using Vireo.Host.Store;
using Vireo.Machines.Configuration;
using Vireo.Platform.Files;

namespace Vireo.Host.Machines.Checkpoints;

/// <summary>Where the files of checkpoints are. Memory and firmware variables lie in the machine's checkpoint folder, disks beside the disks they stand on.</summary>
internal static partial class CheckpointFiles
{
    private const string Folder = "Snapshots";

    /// <summary>Memory and device state of a checkpoint.</summary>
    public static string State(VirtualMachineConfiguration machine, Guid checkpoint) => Path.Combine(machine.SnapshotFileLocation, Folder, $"{checkpoint:D}.state");

    /// <summary>Firmware variables of a checkpoint.</summary>
    public static string Firmware(VirtualMachineConfiguration machine, Guid checkpoint) => Path.Combine(machine.SnapshotFileLocation, Folder, $"{checkpoint:D}.nvram");

    /// <summary>What the trusted platform module kept at a checkpoint.</summary>
    public static string Tpm(VirtualMachineConfiguration machine, Guid checkpoint) => Path.Combine(machine.SnapshotFileLocation, Folder, $"{checkpoint:D}.tpm");

    /// <summary>A name for an image on top of another: <c>system.vhdx</c>, <c>system_8FD4...avhdx</c>, <c>system_02AB...avhdx</c>.</summary>
    public static string NextImage(string parent)
    {
        var extension = Path.GetExtension(parent).ToLowerInvariant() is ".vhd" or ".avhd" ? ".avhd" : ".avhdx";
        return Path.Combine(Path.GetDirectoryName(parent)!, $"{Path.GetFileNameWithoutExtension(BaseImage(parent))}_{Guid.NewGuid().ToString("D").ToUpperInvariant()}{extension}");
    }

    /// <summary>What the disk was called before there were checkpoints: <c>system_8FD4...avhdx</c> stands on <c>system.vhdx</c>.</summary>
    public static string BaseImage(string path)
    {
        var extension = Path.GetExtension(path).ToLowerInvariant() switch { ".avhdx" => ".vhdx", ".avhd" => ".vhd", _ => Path.GetExtension(path) };
        return Path.Combine(Path.GetDirectoryName(path)!, IdSuffix().Replace(Path.GetFileNameWithoutExtension(path), "") + extension);
    }

    /// <summary>Keeps the firmware variables and the trusted platform module as they are now, if there are any.</summary>
    public static void KeepFirmware(VirtualMachineConfiguration machine, Guid checkpoint)
    {
        if (File.Exists(MachineStore.FirmwareFile(machine)))
        {
            AtomicFile.Copy(MachineStore.FirmwareFile(machine), Firmware(machine, checkpoint));
        }

        if (machine.TpmEnabled && File.Exists(MachineStore.TpmFile(machine)))
        {
            AtomicFile.Copy(MachineStore.TpmFile(machine), Tpm(machine, checkpoint));
            File.SetUnixFileMode(Tpm(machine, checkpoint), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }

    /// <summary>Removes memory, firmware variables and trusted platform module of a checkpoint.</summary>
    public static void Delete(VirtualMachineConfiguration machine, Guid checkpoint)
    {
        foreach (var file in new[] { State(machine, checkpoint), Firmware(machine, checkpoint), Tpm(machine, checkpoint) })
        {
            AtomicFile.Sweep(file);
            AtomicFile.Delete(file);
            AtomicFile.Delete(file + ".partial");
        }
    }

    [GeneratedRegex("_[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex IdSuffix();
}
