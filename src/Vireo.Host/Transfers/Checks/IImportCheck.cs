using Vireo.Commands.Services;

namespace Vireo.Host.Transfers.Checks;

/// <summary>Looks at one side of a plan and says everything about it that hinders, with the command that resolves it.</summary>
internal interface IImportCheck
{
    /// <summary>What hinders.</summary>
    IEnumerable<Incompatibility> Check(ImportFacts facts);
}

/// <summary>All checks.</summary>
internal static class ImportChecks
{
    private static readonly IImportCheck[] s_all =
    [
        new NetworkCheck(), new DiskCheck(), new CheckpointDiskCheck(), new MediumCheck(), new DrivePlaceCheck(), new DestinationCheck(), new IdentityCheck(), new CheckpointCheck(), new SavedStateCheck(), new LinkCheck(),
        new ProcessorCheck(), new MemoryCheck(), new DeviceCheck(),
    ];

    /// <summary>Everything that hinders, in the order of the pages it is shown on; what was noted when the source was read is among it.</summary>
    public static IReadOnlyList<Incompatibility> Run(ImportFacts facts) =>
        [.. s_all.SelectMany(check => check.Check(facts)).Concat(facts.Plan.Notes.Where(note => IsThere(note, facts))).OrderBy(one => one.Kind)];

    private static bool IsThere(Incompatibility note, ImportFacts facts) => note.Object switch
    {
        IncompatibleObject.Drive => facts.Machine.Drives.Any(drive => drive.Id == note.ObjectId),
        IncompatibleObject.NetworkAdapter => facts.Machine.NetworkAdapters.Any(adapter => adapter.Id == note.ObjectId),
        _ => note.Kind != IncompatibilityKind.SecureBootTemplate || facts.Machine.SecureBootEnabled,
    };
}
