using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Services;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Host.Transfers;
using Vireo.Host.Transfers.Checks;
using Vireo.Machines.Configuration;
using Vireo.Machines.HyperV;
using Vireo.Testing;

namespace Vireo.Host.Tests.Transfers;

/// <summary>Each kind of incompatibility is found in a plan that has it, about the right object, and not in one that has not.</summary>
public sealed class ImportCheckTests
{
    private const string Disk = "/source/disk.vhdx";
    private static readonly Guid s_switch = Guid.NewGuid();

    [Fact]
    [Requirement("IM-3")]
    public void A_plan_without_faults_has_none() => Assert.Empty(ImportChecks.Run(Facts(Plan())));

    [Fact]
    [Requirement("IM-3")]
    public void More_than_forty_kinds_are_found()
    {
        var cases = Cases().ToList();
        foreach (var (kind, facts) in cases)
        {
            var found = ImportChecks.Run(facts).Where(one => one.Kind == kind).ToList();
            Assert.True(found.Count > 0, $"{kind} was not found");
            Assert.All(found, one =>
            {
                Assert.NotEmpty(one.Message);
                Assert.NotEmpty(one.Facts.Category);
                if (one.Object == IncompatibleObject.Drive)
                {
                    Assert.Contains(facts.Machine.Drives, drive => drive.Id == one.ObjectId);
                }
                else if (one.Object == IncompatibleObject.NetworkAdapter)
                {
                    Assert.Contains(facts.Machine.NetworkAdapters, adapter => adapter.Id == one.ObjectId);
                }
                else if (one.Object == IncompatibleObject.Checkpoint)
                {
                    Assert.Contains(facts.Machine.Checkpoints.All, checkpoint => checkpoint.Id == one.ObjectId);
                }
            });
        }

        Assert.True(cases.Select(one => one.Kind).Distinct().Count() > 40);

        // What no case here has is a file that cannot be read at all, which is found before there is a plan, and what only hinders a move to another host.
        Assert.Equal(
            [
                IncompatibilityKind.ConfigurationUnreadable, IncompatibilityKind.StorageNotShared, IncompatibilityKind.ProcessorVendor, IncompatibilityKind.ProcessorFeatures,
                IncompatibilityKind.AcceleratorMismatch,
            ],
            Enum.GetValues<IncompatibilityKind>().Except(cases.Select(one => one.Kind)));
    }

    [Fact]
    [Requirement("IM-3")]
    public void Every_kind_has_an_id_of_its_own_and_errors_say_what_resolves_them()
    {
        var facts = Enum.GetValues<IncompatibilityKind>().Select(kind => (Kind: kind, Facts: IncompatibilityFacts.Of(kind))).ToList();
        var shared = facts.GroupBy(one => one.Facts.MessageId).Where(same => same.Count() > 1).SelectMany(same => same.Select(one => one.Kind));
        Assert.Equal([IncompatibilityKind.VirtualDiskFileMissing, IncompatibilityKind.RemovableMediaMissing], shared);
        Assert.Equal(33012, IncompatibilityFacts.Of(IncompatibilityKind.SwitchNotFound).MessageId);
        foreach (var one in Cases().SelectMany(@case => ImportChecks.Run(@case.Facts)).Where(one => one.Facts.Severity == VMCompatibilitySeverity.Error))
        {
            var isFinal = one.Kind is IncompatibilityKind.GenerationUnsupported or IncompatibilityKind.ConfigurationVersionTooNew or IncompatibilityKind.ConfigurationVersionTooOld or IncompatibilityKind.DiskInUse;
            Assert.True(isFinal || one.Resolution.Length > 0, $"{one.Kind} names no command");
        }
    }

    private static IEnumerable<(IncompatibilityKind Kind, ImportFacts Facts)> Cases()
    {
        var plan = Plan();
        var drive = plan.Machine.Drives[0];
        var adapter = plan.Machine.NetworkAdapters[0];

        yield return (IncompatibilityKind.SwitchNotFound, Facts(Adapter(a => a with { SwitchId = Guid.NewGuid(), SwitchName = "LAN" })));
        yield return (IncompatibilityKind.SwitchExtensionMissing, Facts(Policy(p => p with { ExtensionFeatures = [new(Guid.NewGuid(), Guid.NewGuid(), "{}")] })));
        yield return (IncompatibilityKind.VlanOutOfRange, Facts(Adapter(a => a with { AccessVlanId = 4095 })));
        yield return (IncompatibilityKind.VlanOutOfRange, Facts(Policy(p => p with { VlanMode = AdapterVlanMode.Trunk, AllowedVlanIds = [1, -1] })));
        var other = Plan().Machine with { Id = Guid.NewGuid(), Name = "other", Drives = [], NetworkAdapters = [adapter with { Id = Guid.NewGuid(), MacAddress = "00155D0000AA" }] };
        yield return (IncompatibilityKind.StaticMacCollision, Facts(Adapter(a => a with { MacAddress = "00155D0000AA", DynamicMacAddress = false })) with { Machines = [other] });
        yield return (IncompatibilityKind.DynamicMacOutsidePool, Facts(Adapter(a => a with { MacAddress = "00155DFFFFFF" })));
        yield return (IncompatibilityKind.AdapterCountLimit, Facts(Change(m => m with { NetworkAdapters = [.. Enumerable.Range(0, 9).Select(_ => adapter with { Id = Guid.NewGuid() })] })));
        yield return (IncompatibilityKind.LegacyAdapterOnGeneration2, Facts(Change(m => m with { Generation = 2, Drives = [], NetworkAdapters = [adapter with { IsLegacy = true }] })));
        yield return (IncompatibilityKind.BandwidthModeMismatch, Facts(Policy(p => p with { MinimumBandwidthAbsolute = 1000 })));
        yield return (IncompatibilityKind.BandwidthOvercommit, Facts(Policy(p => p with { MinimumBandwidthAbsolute = 2_000_000_000 })) with
        {
            Switches = [Switch() with { MinimumBandwidthMode = VMSwitchBandwidthMode.Absolute, NetAdapterName = "eth0" }],
            Interfaces = [new HostInterface("eth0", "a card", 1_000_000_000)],
        });

        yield return (IncompatibilityKind.VirtualDiskFileMissing, Facts(plan) with { FileExists = _ => false });
        yield return (IncompatibilityKind.RemovableMediaMissing, Facts(Change(m => m with { Drives = [drive, drive with { Id = Guid.NewGuid(), Kind = DriveKind.Dvd, ControllerLocation = 1, Path = "/etc/shadow" }] })));
        yield return (IncompatibilityKind.RemovableMediaMissing, Facts(Change(m => m with { FloppyPath = "/etc/shadow" })));
        yield return (IncompatibilityKind.RemovableMediaMissing, Facts(Change(m => m with { Drives = [drive, drive with { Id = Guid.NewGuid(), Kind = DriveKind.Dvd, ControllerLocation = 1, Path = "/source/setup.iso" }] })) with { RealPath = path => path == "/source/setup.iso" ? "/etc/shadow" : path });
        yield return (IncompatibilityKind.PassthroughDiskMissing, Facts(Change(m => m with { Drives = [drive with { Path = @"\\.\PHYSICALDRIVE1" }] })));
        yield return (IncompatibilityKind.PassthroughDiskMissing, Facts(Change(m => m with { Drives = [drive with { Path = "/dev/sda" }] })));
        yield return (IncompatibilityKind.SharePathUnmapped, Facts(Change(m => m with { Drives = [drive with { Path = @"\\nas\vms\disk.vhdx" }] })) with { FileExists = _ => false });
        yield return (IncompatibilityKind.DiskFormatUnsupported, Facts(Change(m => m with { Drives = [drive with { Path = "/source/disk.vmdk" }] })));
        yield return (IncompatibilityKind.DiskFormatUnsupported, Facts(plan, Info() with { Format = ImageFormat.Raw }));
        foreach (var (error, kind) in new[]
        {
            ("ParentNotFound", IncompatibilityKind.ParentDiskMissing), ("ParentMismatch", IncompatibilityKind.ParentIdMismatch), ("ObjectInUse", IncompatibilityKind.DiskInUse),
            ("NotSupported", IncompatibilityKind.DiskFormatUnsupported), ("OperationFailed", IncompatibilityKind.DiskHeaderCorrupt), ("AccessDenied", IncompatibilityKind.DiskInformationUnreadable),
        })
        {
            yield return (kind, Facts(plan) with { Disks = new Dictionary<string, DiskFacts> { [Disk] = new(Disk, null, new ControlError(error, "NotSpecified", "it is so.", Disk), [], true) } });
        }

        yield return (IncompatibilityKind.ChainTooDeep, Facts(plan) with { Disks = new Dictionary<string, DiskFacts> { [Disk] = new(Disk, Info(), null, [.. Enumerable.Range(0, 40).Select(i => new ChainImage($"/source/{i}.avhdx", null, 1))], true) } });
        yield return (IncompatibilityKind.DiskInUse, Facts(plan) with { Machines = [plan.Machine with { Id = Guid.NewGuid(), Name = "other" }] });
        yield return (IncompatibilityKind.DiskReadOnly, Facts(plan) with { Disks = new Dictionary<string, DiskFacts> { [Disk] = new(Disk, Info(), null, [], IsWritable: false) } });
        yield return (IncompatibilityKind.DiskCapacityLimit, Facts(plan, Info() with { SizeBytes = 65L << 40 }));
        yield return (IncompatibilityKind.SectorSizeUnsupported, Facts(plan, Info() with { LogicalSectorBytes = 4096 }));
        yield return (IncompatibilityKind.ControllerSlotConflict, Facts(Change(m => m with { Drives = [drive, drive with { Id = Guid.NewGuid(), Path = null, Kind = DriveKind.Dvd }] })));
        yield return (IncompatibilityKind.IdeOnGeneration2, Facts(Change(m => m with { Generation = 2 })));
        yield return (IncompatibilityKind.ControllerLimit, Facts(Change(m => m with { Drives = [drive with { ControllerNumber = 2 }] })));
        yield return (IncompatibilityKind.BootDiskNotOnIde, Facts(Change(m => m with { Drives = [drive with { Bus = DriveBus.Scsi }] })));

        var copy = plan with { Request = plan.Request with { Copy = true, VhdDestinationPath = "/target" } };
        yield return (IncompatibilityKind.DestinationSpace, Facts(copy) with { FreeBytes = _ => 1 });
        yield return (IncompatibilityKind.DestinationPathInvalid, Facts(copy) with { FolderProblem = _ => "it is read-only." });
        yield return (IncompatibilityKind.DestinationFileExists, Facts(copy) with { FileExists = _ => true });

        yield return (IncompatibilityKind.GenerationUnsupported, Facts(Change(m => m with { Generation = 3 })));
        var same = plan.Machine with { Name = "same", Drives = [], NetworkAdapters = [], Path = "/elsewhere" };
        yield return (IncompatibilityKind.IdAlreadyRegistered, Facts(plan) with { Machines = [same] });
        yield return (IncompatibilityKind.UnreadableReplaced, Facts(plan) with { UnreadableFile = id => id == plan.FinalId ? "/broken/machine.json" : null });
        yield return (IncompatibilityKind.ConfigurationInUse, Facts(plan with { Request = plan.Request with { Path = $"/elsewhere/Virtual Machines/{same.Id:D}.json" } }) with { Machines = [same] });
        yield return (IncompatibilityKind.StalePlan, Facts(plan) with { Plans = [plan with { Machine = plan.Machine with { Id = Guid.NewGuid() } }] });
        yield return (IncompatibilityKind.NameCollision, Facts(plan) with { Machines = [same with { Id = Guid.NewGuid(), Name = "PLANNED" }] });
        yield return (IncompatibilityKind.NameInvalid, Facts(Change(m => m with { Name = "" })));
        yield return (IncompatibilityKind.HostMachineLimit, Facts(plan) with { Machines = [.. Enumerable.Range(0, 1024).Select(i => same with { Id = Guid.NewGuid(), Name = $"{i}" })] });

        var checkpoint = new CheckpointConfiguration { Id = Guid.NewGuid(), Name = "then", CreationTime = DateTimeOffset.UnixEpoch, Machine = plan.Machine };
        yield return (IncompatibilityKind.CheckpointPresent, Facts(Tree([checkpoint])));
        yield return (IncompatibilityKind.CheckpointTreeBroken, Facts(Tree([checkpoint with { ParentId = Guid.NewGuid() }])));
        yield return (IncompatibilityKind.CheckpointTreeBroken, Facts(Tree([checkpoint with { ParentId = checkpoint.Id }])));
        yield return (IncompatibilityKind.CheckpointLimit, Facts(Tree([.. Enumerable.Range(0, 51).Select(_ => checkpoint with { Id = Guid.NewGuid() })])));
        yield return (IncompatibilityKind.AttachmentNotFound, Facts(Tree([checkpoint with { Machine = plan.Machine with { Drives = [drive with { Path = "/source/lost.vhdx" }] } }])) with { FileExists = path => path == Disk });
        yield return (IncompatibilityKind.AttachmentNotFound, Facts(Then(drive with { Path = "/source/damaged.vhdx" })));
        yield return (IncompatibilityKind.RemovableMediaMissing, Facts(Then(drive with { Kind = DriveKind.Dvd, Path = "/etc/shadow" })));
        yield return (IncompatibilityKind.RemovableMediaMissing, Facts(Tree([checkpoint with { Machine = plan.Machine with { FloppyPath = "/etc/shadow" } }])));
        yield return (IncompatibilityKind.DiskFormatUnsupported, Facts(Then(drive with { Path = "/etc/shadow" })));
        yield return (IncompatibilityKind.PassthroughDiskMissing, Facts(Change(m => m with { Drives = [drive with { Path = "/dev/sda", PhysicalDisk = new() }] })) with { PhysicalDiskProblem = _ => "It is not here." });
        yield return (IncompatibilityKind.DiskInUse, Facts(Change(m => m with { Drives = [drive with { Path = "/dev/sda", PhysicalDisk = new() }] })) with { Machines = [other with { Drives = [drive with { Id = Guid.NewGuid(), Path = "/dev/sda", PhysicalDisk = new() }] }] });
        yield return (IncompatibilityKind.PassthroughDiskMissing, Facts(Then(drive with { Path = "/dev/sda" })));
        var then = new DiskFacts("/source/then.vhdx", Info() with { Path = "/source/then.vhdx" }, null, [], IsWritable: true);
        var withThen = new Dictionary<string, DiskFacts>(Facts(plan).Disks) { [then.Path] = then };
        yield return (IncompatibilityKind.DiskFormatUnsupported, Facts(Then(drive with { Path = then.Path })) with { Disks = new Dictionary<string, DiskFacts>(withThen) { [then.Path] = then with { Info = then.Info! with { Format = ImageFormat.Raw } } } });
        yield return (IncompatibilityKind.DiskInUse, Facts(Then(drive with { Path = then.Path })) with { Disks = withThen, Machines = [other with { Drives = [drive with { Path = "/other/then.vhdx" }] }], RealPath = path => path == then.Path ? "/other/then.vhdx" : path });
        yield return (IncompatibilityKind.FileOutsideFolder, Facts(plan) with { RealPath = path => path.EndsWith(".nvram", StringComparison.Ordinal) ? "/etc/shadow" : path });
        yield return (IncompatibilityKind.SavedStateMissing, Facts(Change(m => m with { HasSavedState = true })) with { FileExists = path => path == Disk });
        yield return (IncompatibilityKind.SavedStateMissing, Facts(Tree([checkpoint with { HasState = true }])) with { FileExists = path => path == Disk });
        yield return (IncompatibilityKind.SavedStateVersion, Facts(Change(m => m with { HasSavedState = true }) with { IsForeign = true }));
        yield return (IncompatibilityKind.SavedStateVersion, Facts(Change(m => m with { HasSavedState = true })) with { StateProblem = _ => "it is damaged." });

        yield return (IncompatibilityKind.ProcessorCountHost, Facts(Change(m => m with { Processor = new() { Count = 8 } })));
        yield return (IncompatibilityKind.ProcessorCountLimit, Facts(Change(m => m with { Processor = new() { Count = 65 } })));
        yield return (IncompatibilityKind.ProcessorShareRange, Facts(Change(m => m with { Processor = new() { RelativeWeight = 0 } })));
        yield return (IncompatibilityKind.NestedVirtualizationUnsupported, Facts(Change(m => m with { Processor = new() { ExposeVirtualizationExtensions = true } })));
        yield return (IncompatibilityKind.MemoryHost, Facts(Change(m => m with { Memory = new() { StartupBytes = 64L << 30 } })));
        yield return (IncompatibilityKind.MemoryLimit, Facts(Change(m => m with { Memory = new() { StartupBytes = 1 << 20 } })));
        yield return (IncompatibilityKind.MemoryRange, Facts(Change(m => m with { Memory = new() { DynamicMemoryEnabled = true, MinimumBytes = 2L << 30, StartupBytes = 1L << 30 } })));
        yield return (IncompatibilityKind.SmartPagingPath, Facts(plan) with { FolderProblem = _ => "it is read-only." });
        yield return (IncompatibilityKind.TpmKeyProtector, Facts(Change(m => m with { Generation = 2, Drives = [], TpmEnabled = true, KeyProtector = "another host's" })) with { CanOpenKeyProtector = _ => false });
        yield return (IncompatibilityKind.SecureBootOn, Facts(Change(m => m with { Generation = 2, Drives = [], SecureBootEnabled = true })));
        yield return (IncompatibilityKind.SerialPipeInvalid, Facts(Change(m => m with { ComPorts = [@"\\.\pipe\web", null] })));

        // What the reader of a foreign configuration notes stays while the object is there.
        foreach (var kind in Enum.GetValues<ForeignNoteKind>())
        {
            var note = ForeignNotes.Of(new ForeignNote(kind, "It is so.", kind is ForeignNoteKind.SharedDrive or ForeignNoteKind.DriveQuality ? drive.Id : null), "/source/x.xml");
            var noted = Change(m => m with { Generation = 2, SecureBootEnabled = true }) with { Notes = [note] };
            yield return (note.Kind, Facts(noted));
        }

        yield return (IncompatibilityKind.CheckpointConfigurationMissing, Facts(plan with { Notes = [new(IncompatibilityKind.CheckpointConfigurationMissing, "It is so.")] }));

        PlannedImport Change(Func<VirtualMachineConfiguration, VirtualMachineConfiguration> change) => plan with { Machine = change(plan.Machine) };
        PlannedImport Adapter(Func<NetworkAdapterConfiguration, NetworkAdapterConfiguration> change) => Change(m => m with { NetworkAdapters = [change(adapter)] });
        PlannedImport Policy(Func<AdapterPolicyConfiguration, AdapterPolicyConfiguration> change) => Adapter(a => a with { Policy = change(a.Policy) });
        PlannedImport Then(DriveConfiguration one) => Tree([checkpoint with { Machine = plan.Machine with { Drives = [one] } }]);
        PlannedImport Tree(IReadOnlyList<CheckpointConfiguration> all) => Change(m => m with { Checkpoints = new() { All = all } });
    }

    private static PlannedImport Plan()
    {
        var id = Guid.NewGuid();
        return new PlannedImport
        {
            Request = new ImportRequest { Path = $"/source/Virtual Machines/{id:D}.json" },
            FinalId = id,
            SourceId = id,
            SourceFolder = "/source",
            SourceSnapshots = "/source",
            Made = DateTimeOffset.UnixEpoch,
            Machine = new VirtualMachineConfiguration
            {
                Id = id,
                Name = "planned",
                Generation = 1,
                CreationTime = DateTimeOffset.UnixEpoch,
                Path = "/source",
                SnapshotFileLocation = "/source",
                SmartPagingFilePath = "/source",
                Drives = [new() { Id = Guid.NewGuid(), Kind = DriveKind.HardDisk, Bus = DriveBus.Ide, ControllerNumber = 0, ControllerLocation = 0, Path = Disk }],
                NetworkAdapters = [new() { Id = Guid.NewGuid(), SwitchId = s_switch }],
            },
        };
    }

    private static SwitchConfiguration Switch() => new() { Id = s_switch, Name = "LAN", SwitchType = VMSwitchType.External };

    private static ImageInfo Info() => new(Disk, ImageFormat.Vhdx, ImageType.Dynamic, 1L << 30, 1 << 20, 1 << 20, 512, 4096, Guid.Empty, null, null, null, null, 0, InUse: false);

    private static ImportFacts Facts(PlannedImport plan, ImageInfo? info = null) => new()
    {
        Plan = plan,
        Layout = ImportLayout.Of(plan, [new ChainImage(Disk, null, 1 << 20)], "/target", new HashSet<string>()),
        Host = new HostFacts("host", "host", 4, 8L << 30, "tcg", "1"),
        Settings = new HostSettings { VirtualHardDiskPath = "/disks", VirtualMachinePath = "/machines" },
        Plans = [plan],
        Switches = [Switch()],
        Disks = new Dictionary<string, DiskFacts> { [Disk] = new(Disk, info ?? Info(), null, [new ChainImage(Disk, null, 1 << 20)], IsWritable: true) },
        FreeBytes = _ => 1L << 40,
        FileExists = path => path.StartsWith("/source", StringComparison.Ordinal) || path.StartsWith("/etc", StringComparison.Ordinal),
    };
}
