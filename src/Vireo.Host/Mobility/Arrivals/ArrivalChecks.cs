using Vireo.Commands.Services;
using Vireo.Host.Mobility.Protocol;
using Vireo.Host.Transfers;
using Vireo.Host.Transfers.Checks;
using Vireo.Machines.Accelerators;

namespace Vireo.Host.Mobility.Arrivals;

/// <summary>Whether a machine can come, before anything moves.</summary>
internal static class ArrivalChecks
{
    // Those that need no file: files are yet to come.
    private static readonly IImportCheck[] s_checks =
        [new NetworkCheck(), new MediumCheck(), new DrivePlaceCheck(), new IdentityCheck(), new ProcessorCheck(), new MemoryCheck(), new DeviceCheck()];

    /// <summary>What hinders.</summary>
    /// <param name="offer">What wants to come.</param>
    /// <param name="facts">The machine as it would be here, and this host.</param>
    /// <param name="here">What this host is for a guest that runs.</param>
    /// <param name="plan">Where its files go.</param>
    public static IReadOnlyList<Incompatibility> Run(MoveOffer offer, ImportFacts facts, MoveHostFacts here, StorageMovePlan plan) =>
    [
        .. PhysicalDisks(offer), .. Files(offer, facts.FreeBytes, plan), .. offer.IsRunning ? Guest(offer, here) : [],
        .. s_checks.SelectMany(check => check.Check(facts)).Where(one => one.Facts.Severity == Microsoft.HyperV.PowerShell.VMCompatibilitySeverity.Error),
    ];

    /// <summary>What a guest that runs needs of the processor, and of how its devices are made.</summary>
    public static IEnumerable<Incompatibility> Guest(MoveOffer offer, MoveHostFacts here)
    {
        var there = offer.Host;
        if (there.Accelerator != here.Accelerator)
        {
            yield return new(
                IncompatibilityKind.AcceleratorMismatch, $"The guest of '{offer.Machine.Name}' runs on {there.Accelerator}, and this host has {here.Accelerator}: it can come only while it is off.", "Stop-VM");
        }
        else if (there.Transport != here.Transport)
        {
            yield return new(
                IncompatibilityKind.AcceleratorMismatch, $"The disks of '{offer.Machine.Name}' are served by {there.Transport}, and this host serves them by {here.Transport}: it can come only while it is off.", "Stop-VM");
        }
        else if (there.Accelerator == nameof(AcceleratorKind.Kvm))
        {
            var missing = offer.Machine.Processor.CompatibilityForMigrationEnabled ? [] : there.ProcessorFeatures.Except(here.ProcessorFeatures, StringComparer.Ordinal).Take(12).ToList();
            if (there.ProcessorVendor != here.ProcessorVendor)
            {
                yield return new(
                    IncompatibilityKind.ProcessorVendor, $"The guest of '{offer.Machine.Name}' runs on a processor of {there.ProcessorVendor}, and this host has one of {here.ProcessorVendor}.", "Stop-VM", IncompatibleObject.Processor);
            }
            else if (missing.Count > 0)
            {
                yield return new(
                    IncompatibilityKind.ProcessorFeatures, $"The guest of '{offer.Machine.Name}' may use what the processor of this host does not have: {string.Join(", ", missing)}.",
                    "Stop-VM; Set-VMProcessor -CompatibilityForMigrationEnabled $true; Start-VM", IncompatibleObject.Processor);
            }
        }
    }

    // The other host's disks are not this one's, whatever their names are.
    private static IEnumerable<Incompatibility> PhysicalDisks(MoveOffer offer) => offer.Machine.Drives.Concat(offer.Machine.Checkpoints.All.SelectMany(one => one.Machine.Drives))
        .Where(static drive => drive.PhysicalDisk is not null)
        .Select(drive => new Incompatibility(IncompatibilityKind.PassthroughDiskMissing, $"The disk '{drive.Path}' is a physical disk of the other host.", "Remove-VMHardDiskDrive", IncompatibleObject.Drive, drive.Id));

    /// <summary>What files need: storage of both hosts where they stay, and room and free names where they go.</summary>
    public static IEnumerable<Incompatibility> Files(MoveOffer offer, Func<string, long?> freeBytes, StorageMovePlan plan)
    {
        if (offer.SharedMark is { } mark && !File.Exists(mark))
        {
            yield return new(
                IncompatibilityKind.StorageNotShared,
                $"The files of '{offer.Machine.Name}' that are not to be moved lie in '{Path.GetDirectoryName(mark)}', and that is not the same storage on both hosts.",
                "Move-VM -IncludeStorage");
        }

        var moved = plan.Images.Select(image => image.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var image in offer.Images.Where(image => !moved.Contains(image.Chain.Path) && !File.Exists(image.Chain.Path)))
        {
            yield return new(
                IncompatibilityKind.StorageNotShared, $"The disk '{image.Chain.Path}' of '{offer.Machine.Name}' is not to be moved, and is not on this host.", "Move-VM -IncludeStorage");
        }

        foreach (var taken in plan.Record.Images.Select(image => image.Target).Concat(plan.Files.Where(pair => offer.Files.Contains(pair.Source)).Select(pair => pair.Target)).Where(Path.Exists))
        {
            yield return new(IncompatibilityKind.DestinationFileExists, $"'{taken}' exists already on this host; choose another folder, or move that away.", "Move-VM -DestinationStoragePath");
        }

        foreach (var group in plan.Images.GroupBy(image => Folder(plan.Record.Images.First(one => one.Source == image.Path).Target)))
        {
            var needed = group.Sum(image => Math.Max(0, image.FileBytes));
            if (freeBytes(group.Key) is { } free && free < needed)
            {
                yield return new(
                    IncompatibilityKind.DestinationSpace, $"'{group.Key}' has {free >> 20} MB free, and the disks of '{offer.Machine.Name}' that go there take {needed >> 20} MB.", "Move-VM -DestinationStoragePath");
            }
        }
    }

    private static string Folder(string path) => Path.GetDirectoryName(path) ?? "/";
}
