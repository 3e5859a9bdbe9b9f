using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>
/// What the removable drives of an imported machine may hold. A configuration from elsewhere must not make files of this host readable in a guest, by
/// the floppy drive even writable: only what is a medium by its name is one, and a link counts as what it leads to.
/// </summary>
internal static class ImportedMedia
{
    private const long GreatestFloppyBytes = 2 * 80 * 36 * 512;

    /// <summary>The medium of a DVD drive, without links; null when the drive is to be empty.</summary>
    public static string? Dvd(ImportFacts facts, string path) => facts.FileExists(path) && EndsIn(facts.RealPath(path), ".iso") ? facts.RealPath(path) : null;

    /// <summary>The medium of a floppy drive, without links; null when the drive is to be empty: another machine's is none either.</summary>
    public static string? Floppy(ImportFacts facts, string path)
    {
        if (!facts.FileExists(path))
        {
            return null;
        }

        var real = facts.RealPath(path);
        return EndsIn(real, ".vfd") && facts.FileBytes(real) is > 0 and <= GreatestFloppyBytes and var length && length % 512 == 0
            && !facts.Machines.Any(other => other.FloppyPath is { } taken && facts.RealPath(taken) == real)
            ? real : null;
    }

    /// <summary>The machine, also at its checkpoints, with no other media than these.</summary>
    public static VirtualMachineConfiguration Usable(VirtualMachineConfiguration machine, ImportFacts facts) => OfOne(machine, facts) with
    {
        Checkpoints = machine.Checkpoints with { All = [.. machine.Checkpoints.All.Select(one => one with { Machine = OfOne(one.Machine, facts) })] },
    };

    private static VirtualMachineConfiguration OfOne(VirtualMachineConfiguration machine, ImportFacts facts) => machine with
    {
        Drives = [.. machine.Drives.Select(drive => drive is { Kind: DriveKind.Dvd, Path: { } path } ? drive with { Path = Dvd(facts, path) } : drive)],
        FloppyPath = machine.FloppyPath is { } floppy ? Floppy(facts, floppy) : null,
    };

    private static bool EndsIn(string path, string extension) => Path.GetExtension(path).Equals(extension, StringComparison.OrdinalIgnoreCase);
}
