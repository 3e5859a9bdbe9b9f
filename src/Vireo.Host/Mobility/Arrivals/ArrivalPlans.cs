using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Host.Mobility.Protocol;
using Vireo.Host.Transfers;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Mobility.Arrivals;

/// <summary>Where what comes goes, and what it is here. Pure.</summary>
internal static class ArrivalPlans
{
    /// <summary>Where the files go: as the other host says, else into one folder below this host's default.</summary>
    public static StorageMoveRequest Resolve(MoveOffer offer, HostSettings settings) => offer.IncludesStorage && offer.Request.DestinationPath is null
        ? offer.Request with { DestinationPath = Path.Combine(settings.VirtualMachinePath, DiskPaths.SafeName(offer.Machine.Name)) }
        : offer.Request;

    /// <summary>Each file's way.</summary>
    /// <exception cref="Commands.Framework.CommandException">A disk that is named is none of the machine's, or cannot go where it is told to.</exception>
    public static StorageMovePlan Plan(MoveOffer offer, StorageMoveRequest request) =>
        StorageMovePlan.Of(offer.Machine, [.. offer.Images.Select(image => image.Chain)], request, offer.IsRunning, offer.Move, toOtherHost: true);

    /// <summary>The machine as it is here.</summary>
    public static VirtualMachineConfiguration Machine(VirtualMachineConfiguration there, StorageMovePlan plan, IReadOnlyList<SwitchConfiguration> switches)
    {
        var machine = StorageMovePlan.Apply(there, plan.Record, isRunning: false);
        machine = AdapterSwitches.Connect(machine, switches);
        return machine with
        {
            // Where the files stay, they all do.
            FirmwarePath = plan.Record.SourceFiles.Contains(MachineFiles.Configuration(there)) ? null : there.FirmwarePath,

            // A user of the same name here is somebody else.
            ConsoleUsers = [],
            NetworkAdapters = [.. machine.NetworkAdapters.Select(adapter => adapter with { SwitchName = null })],
        };
    }

    /// <summary>For the checks that an import makes as well; without disks, which are looked at otherwise.</summary>
    public static PlannedImport Planned(VirtualMachineConfiguration machine, DateTimeOffset now) => new()
    {
        Request = new ImportRequest { Path = MachineFiles.Configuration(machine) },
        Machine = machine with { Drives = [.. machine.Drives.Where(drive => drive.Kind != DriveKind.HardDisk)], Checkpoints = new() },
        FinalId = machine.Id,
        SourceId = machine.Id,
        SourceFolder = machine.Path,
        SourceSnapshots = machine.SnapshotFileLocation,
        Made = now,
    };
}
