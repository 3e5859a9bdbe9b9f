using Vireo.Commands.Services;
using Vireo.Host.Mobility;
using Vireo.Host.Mobility.Arrivals;
using Vireo.Host.Mobility.Protocol;
using Vireo.Host.Transfers;
using Vireo.Machines.Configuration;
using Vireo.Testing;

namespace Vireo.Host.Tests.Mobility;

/// <summary>What hinders a machine from coming is said before anything moves.</summary>
[Requirement("LM-9")]
[Requirement("VM-7")]
public sealed class ArrivalCheckTests
{
    private static readonly MoveHostFacts s_host = new("Kvm", "VhostUserBlock", "GenuineIntel", ["sse2", "avx", "avx512f"]);

    [Fact]
    public void A_guest_needs_the_processor_that_it_has_seen()
    {
        Assert.Empty(ArrivalChecks.Guest(Offer(), s_host));
        Assert.Empty(ArrivalChecks.Guest(Offer(), s_host with { ProcessorFeatures = ["sse2", "avx", "avx512f", "amx"] }));
        Assert.Equal(IncompatibilityKind.ProcessorVendor, Assert.Single(ArrivalChecks.Guest(Offer(), s_host with { ProcessorVendor = "AuthenticAMD" })).Kind);
        var missing = Assert.Single(ArrivalChecks.Guest(Offer(), s_host with { ProcessorFeatures = ["sse2"] }));
        Assert.Equal(IncompatibilityKind.ProcessorFeatures, missing.Kind);
        Assert.Contains("avx, avx512f", missing.Message, StringComparison.Ordinal);
        Assert.Empty(ArrivalChecks.Guest(Offer(isCompatible: true), s_host with { ProcessorFeatures = ["sse2"] }));
        Assert.Equal(IncompatibilityKind.AcceleratorMismatch, Assert.Single(ArrivalChecks.Guest(Offer(), s_host with { Accelerator = "Tcg" })).Kind);
        Assert.Equal(IncompatibilityKind.AcceleratorMismatch, Assert.Single(ArrivalChecks.Guest(Offer(), s_host with { Transport = "Nbd" })).Kind);
    }

    [Fact]
    public void Files_need_storage_of_both_hosts_or_room()
    {
        using var folder = new TempFolder();
        var offer = Offer() with { Images = [new OfferedImage(new ChainImage(folder["disk.vhdx"], null, 1000))], SharedMark = folder["mark"] };
        Assert.Equal(
            [IncompatibilityKind.StorageNotShared, IncompatibilityKind.StorageNotShared],
            ArrivalChecks.Files(offer, static _ => null, Plan(offer, new StorageMoveRequest())).Select(problem => problem.Kind));
        File.WriteAllText(folder["disk.vhdx"], "");
        File.WriteAllText(folder["mark"], "");
        Assert.Empty(ArrivalChecks.Files(offer, static _ => null, Plan(offer, new StorageMoveRequest())));

        var request = new StorageMoveRequest { DestinationPath = folder["there"] };
        Assert.Empty(ArrivalChecks.Files(offer, static _ => 1000, Plan(offer, request)));
        Assert.Equal(IncompatibilityKind.DestinationSpace, Assert.Single(ArrivalChecks.Files(offer, static _ => 999, Plan(offer, request))).Kind);
        Directory.CreateDirectory(folder["there/Virtual Hard Disks"]);
        File.WriteAllText(folder["there/Virtual Hard Disks/disk.vhdx"], "");
        Assert.Equal(IncompatibilityKind.DestinationFileExists, Assert.Single(ArrivalChecks.Files(offer, static _ => 1000, Plan(offer, request))).Kind);
    }

    private static StorageMovePlan Plan(MoveOffer offer, StorageMoveRequest request) => ArrivalPlans.Plan(offer, request);

    private static MoveOffer Offer(bool isCompatible = false) => new()
    {
        Move = Guid.NewGuid(),
        IsRunning = true,
        Host = s_host,
        Request = new StorageMoveRequest(),
        Machine = new VirtualMachineConfiguration
        {
            Id = Guid.NewGuid(),
            Name = "web",
            Generation = 2,
            CreationTime = DateTimeOffset.UnixEpoch,
            Path = "/vms/web",
            SnapshotFileLocation = "/vms/web",
            SmartPagingFilePath = "/vms/web",
            Processor = new ProcessorConfiguration { CompatibilityForMigrationEnabled = isCompatible },
        },
    };
}
