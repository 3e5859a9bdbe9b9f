using Vireo.Machines.Accelerators;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

/// <summary>
/// The device model as text. After a wanted change, run with <c>VIREO_GOLDEN=write</c> and read the difference: a running guest sees it.
/// </summary>
public sealed class CommandLineTests
{
    private static readonly Guid s_ide = new("11111111-0000-0000-0000-000000000001");
    private static readonly Guid s_dvd = new("11111111-0000-0000-0000-000000000002");
    private static readonly Guid s_scsi = new("11111111-0000-0000-0000-000000000003");
    private static readonly Guid s_adapter = new("22222222-0000-0000-0000-000000000001");

    [Theory]
    [InlineData(1, AcceleratorKind.Tcg)]
    [InlineData(1, AcceleratorKind.Kvm)]
    [InlineData(2, AcceleratorKind.Tcg)]
    [InlineData(2, AcceleratorKind.Kvm)]
    [Requirement("VM-1")]
    public void The_device_model_is_as_written_down(int generation, AcceleratorKind accelerator)
    {
        var (configuration, plan) = Describe(generation, accelerator);
        var text = MachineCommandLine.Build(configuration, plan) + "\n";
        var golden = Path.Combine(Repository.Root, "tests", "Vireo.Machines.Tests", "Golden", $"generation{generation}-{accelerator}.txt".ToLowerInvariant());
        if (Environment.GetEnvironmentVariable("VIREO_GOLDEN") == "write")
        {
            File.WriteAllText(golden, text);
        }

        Assert.Equal(File.ReadAllText(golden), text);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [Requirement("VM-5")]
    public void A_guest_without_drivers_gets_devices_that_every_guest_knows_until_one_setting_changes(int generation)
    {
        var (configuration, plan) = Describe(generation, AcceleratorKind.Kvm);
        var emulated = configuration with { DeviceModel = DeviceModel.Emulated, GuestFamily = GuestFamily.Windows };
        var served = plan with
        {
            Drives = [.. plan.Drives.Select(drive => drive with { Transport = DriveTransport.Nbd, Queues = 1 })],
            Adapters = [plan.Adapters[0] with { QemuSocketPath = "/run/vireo/m/web1/n2222222" }],
        };
        var text = MachineCommandLine.Build(emulated, served).ToString();
        Assert.DoesNotContain("virtio-blk", text, StringComparison.Ordinal);
        Assert.DoesNotContain("virtio-net", text, StringComparison.Ordinal);
        Assert.Contains($"-netdev dgram,id=net-{s_adapter:N},local.type=unix,local.path=/run/vireo/m/web1/n2222222,remote.type=unix,remote.path=/run/vireo/p/web1", text, StringComparison.Ordinal);
        Assert.Contains($"-device {(generation == 1 ? "e1000" : "e1000e")},id=adapter-{s_adapter:N},netdev=net-{s_adapter:N},", text, StringComparison.Ordinal);

        // A disk that is slow to come back stops the guest instead of failing, on this bus too.
        Assert.Contains($"-device ide-hd,id=drive-{s_scsi:N},bus={(generation == 1 ? "ahci.0" : "ide.2")},drive=", text, StringComparison.Ordinal);
        Assert.Contains("werror=stop,rerror=stop", text, StringComparison.Ordinal);
        Assert.Equal(generation == 1, text.Contains("ich9-ahci,id=ahci", StringComparison.Ordinal));

        // The clock and the hypervisor as Windows expects them.
        Assert.Contains("-rtc base=localtime,", text, StringComparison.Ordinal);
        Assert.Contains("-cpu host,vmx=off,svm=off,hv-relaxed=on,hv-vapic=on,hv-spinlocks=8191,hv-vpindex=on,", text, StringComparison.Ordinal);

        var synthetic = MachineCommandLine.Build(configuration, plan).ToString();
        Assert.Contains("virtio-net-pci", synthetic, StringComparison.Ordinal);
        Assert.DoesNotContain("hv-", synthetic, StringComparison.Ordinal);
        Assert.Contains("-rtc base=utc,", synthetic, StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("VM-5")]
    public void Enlightenments_belong_to_KVM_and_a_legacy_adapter_boots_from_the_network()
    {
        var (configuration, plan) = Describe(1, AcceleratorKind.Tcg);
        configuration = configuration with
        {
            GuestFamily = GuestFamily.Windows,
            BiosStartupOrder = ["LegacyNetworkAdapter", "IDE"],
            NetworkAdapters = [configuration.NetworkAdapters[0] with { IsLegacy = true }],
        };
        plan = plan with { Adapters = [plan.Adapters[0] with { QemuSocketPath = "/run/vireo/m/web1/n2222222" }] };
        var text = MachineCommandLine.Build(configuration, plan).ToString();
        Assert.DoesNotContain("hv-", text, StringComparison.Ordinal);
        Assert.Contains("-device e1000,", text, StringComparison.Ordinal);
        Assert.Contains("mac=00:15:5d:00:00:01,bootindex=1", text, StringComparison.Ordinal);
        Assert.Contains("virtio-blk-pci", text, StringComparison.Ordinal);

        // A port of the other kind cannot serve it.
        Assert.Contains(
            MachineValidator.Validate(configuration, plan with { Adapters = [plan.Adapters[0] with { QemuSocketPath = null }] }), problem => problem.Contains("wrong kind", StringComparison.Ordinal));
    }

    [Fact]
    [Requirement("VM-5")]
    public void A_floppy_disk_is_tried_in_its_place_and_has_to_be_served()
    {
        var (configuration, plan) = Describe(1, AcceleratorKind.Tcg);
        configuration = configuration with { FloppyPath = "/vm/answers.vfd", BiosStartupOrder = ["Floppy", "IDE", "CD", "LegacyNetworkAdapter"] };
        var id = FloppyDrive.IdOf(configuration.Id);
        Assert.NotEqual(configuration.Id, id);
        var text = MachineCommandLine.Build(configuration, plan with { Drives = [.. plan.Drives, new(id, DriveTransport.Nbd, "/run/vireo/d/floppy")] }).ToString();
        Assert.Contains($"-device floppy,id=drive-{id:N},drive=", text, StringComparison.Ordinal);
        Assert.Contains("-global isa-fdc.bootindexA=1", text, StringComparison.Ordinal);
        Assert.Contains(MachineValidator.Validate(configuration, plan), problem => problem.Contains("answers.vfd", StringComparison.Ordinal));
    }

    [Fact]
    [Requirement("VM-11")]
    public void More_disks_than_an_emulated_controller_holds_are_refused()
    {
        var (configuration, plan) = Describe(1, AcceleratorKind.Tcg);
        var many = Enumerable.Range(0, 7).Select(place => configuration.Drives[2] with { Id = Guid.NewGuid(), ControllerLocation = place, Path = null });
        Assert.Contains(
            MachineValidator.Validate(configuration with { DeviceModel = DeviceModel.Emulated, Drives = [.. many] }, plan), problem => problem.Contains("at most 6 drives", StringComparison.Ordinal));
    }

    [Fact]
    public void A_name_cannot_add_an_option()
    {
        var (configuration, plan) = Describe(1, AcceleratorKind.Tcg);
        var commandLine = MachineCommandLine.Build(configuration with { Name = "a,process=b' \n-S" }, plan);
        Assert.Equal("guest=a,,process=b' \n-S,debug-threads=on", commandLine.Arguments[commandLine.Arguments.ToList().IndexOf("-name") + 1]);
        Assert.Contains("-name 'guest=a,,process=b'\\'' \n-S,debug-threads=on'", commandLine.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Devices_keep_their_places_when_others_come_and_go()
    {
        var slots = DeviceSlots.Plan(2, ["a", "b", "c"]);
        Assert.Equal(7, slots.Ports);
        slots = slots.Remove("a").Add(2, "d");
        Assert.Equal([("b", 1), ("c", 2), ("d", 0)], slots.Places.Select(place => (place.Key, place.Value)).Order());
        var again = DeviceSlots.Plan(2, ["d", "c", "e"], slots);
        Assert.Equal([("c", 2), ("d", 0), ("e", 1)], again.Places.Select(place => (place.Key, place.Value)).Order());
        Assert.Equal(7, again.Ports);
        var refusal = Assert.Throws<MachineException>(() => DeviceSlots.Plan(1, [.. Enumerable.Range(0, 27).Select(number => $"{number}")]));
        Assert.Contains("26", refusal.Message, StringComparison.Ordinal);
        Assert.Throws<MachineException>(() => Enumerable.Range(0, 8).Aggregate(DeviceSlots.Plan(2, ["x"]), (current, number) => current.Add(2, $"{number}")));
    }

    [Fact]
    public void A_hot_added_device_is_described_as_at_the_start()
    {
        var slots = DeviceSlots.Plan(2, ["a", $"drive-{s_scsi:N}"]);
        var option = DeviceOptions.PciDisk(new(s_scsi, DriveTransport.VhostUserBlock, "/run/d"), 2, slots, AcceleratorKind.Tcg, bootIndex: null);
        Assert.Equal($"vhost-user-blk-pci,id=drive-{s_scsi:N},chardev=drive-socket-{s_scsi:N},bus=port1,addr=0x0,num-queues=1,vectors=0", option.ToArgument());
        Assert.Equal(
            $$"""{"driver":"vhost-user-blk-pci","id":"drive-{{s_scsi:N}}","chardev":"drive-socket-{{s_scsi:N}}","bus":"port1","addr":"0x0","num-queues":1,"vectors":0}""",
            option.ToJson().ToJsonString());
        var node = DeviceOptions.NbdNode(new(s_dvd, DriveTransport.Nbd, "/run/e"), readOnly: true).ToJson();
        Assert.Equal("/run/e", node["server"]!["path"]!.GetValue<string>());
        Assert.True(node["read-only"]!.GetValue<bool>());
    }

    [Fact]
    [Requirement("VM-11")]
    public void Everything_that_is_wrong_is_said_at_once()
    {
        var (configuration, plan) = Describe(1, AcceleratorKind.Tcg);
        var problems = MachineValidator.Validate(
            configuration with
            {
                Generation = 2,
                Processor = new() { Count = 65, ExposeVirtualizationExtensions = true },
                Memory = new() { StartupBytes = 1 },
                SecureBootEnabled = true,
                NetworkAdapters = [new() { Id = s_adapter, Name = "old", IsLegacy = true }],
            },
            plan with { RunFolder = new string('x', 100), QemuPath = "/missing", Drives = [], Adapters = [], Firmware = null });
        string[] expected =
        [
            "65", "2 MB", "run folder", "/missing", "Virtualization extensions", "ovmf", "no IDE controller", "no IDE controller",
            "is not open", "is not open", "is not open", "legacy", "no port",
        ];
        foreach (var words in expected)
        {
            Assert.Contains(problems, problem => problem.Contains(words, StringComparison.Ordinal));
        }

        Assert.Equal(expected.Length, problems.Count);
        Assert.All(problems, problem => Assert.EndsWith(".", problem, StringComparison.Ordinal));
    }

    [Fact]
    [Requirement("DM-1")]
    public void A_machine_whose_memory_follows_its_demand_has_room_to_grow()
    {
        var (configuration, plan) = Describe(1, AcceleratorKind.Tcg);
        var text = MachineCommandLine.Build(configuration, plan with { Memory = new() { GrowthBytes = 3L << 30 } }).ToString();
        Assert.Contains("-m size=512M,maxmem=3584M ", text, StringComparison.Ordinal);
        Assert.Contains("memory-backend-memfd,id=growth-memory,size=3221225472,share=on,reserve=off", text, StringComparison.Ordinal);
        Assert.Contains("virtio-mem-pci,id=growth,memdev=growth-memory,block-size=2097152,requested-size=0,bus=pci.0,addr=0x3.0x1", text, StringComparison.Ordinal);
        Assert.DoesNotContain("virtio-mem", MachineCommandLine.Build(configuration, plan).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("VM-4")]
    public void Nodes_of_the_guest_have_processors_memory_and_a_place_on_the_host()
    {
        var (configuration, plan) = Describe(2, AcceleratorKind.Kvm);
        configuration = configuration with { Processor = new() { Count = 6 } };
        var layout = new MemoryLayout { Sockets = 2, Nodes = [new(200 << 20, 2, HostNode: 1), new(312 << 20, 4, HostNode: 0, IsBound: true)] };
        var text = MachineCommandLine.Build(configuration, plan with { Memory = layout }).ToString();
        Assert.Contains("-smp cpus=6,sockets=2,cores=3,threads=1", text, StringComparison.Ordinal);
        Assert.Contains("memory-backend-memfd,id=memory0,size=209715200,share=on,host-nodes=1,policy=preferred", text, StringComparison.Ordinal);
        Assert.Contains("memory-backend-memfd,id=memory1,size=327155712,share=on,host-nodes=0,policy=bind", text, StringComparison.Ordinal);
        Assert.Contains("-numa node,nodeid=0,cpus=0-1,memdev=memory0", text, StringComparison.Ordinal);
        Assert.Contains("-numa node,nodeid=1,cpus=2-5,memdev=memory1", text, StringComparison.Ordinal);
        Assert.DoesNotContain("memory-backend=", text, StringComparison.Ordinal);
        Assert.Contains(
            MachineValidator.Validate(configuration, plan with { Memory = layout with { Sockets = 4 } }), problem => problem.Contains("layout", StringComparison.Ordinal));
        foreach (var damaged in new[] { layout with { Sockets = 0 }, layout with { Nodes = null! }, layout with { Nodes = [new(2 << 20, 6)] }, layout with { GrowthBytes = -2 << 20 }, layout with { ThreadsPerCore = int.MaxValue } })
        {
            Assert.Contains(MachineValidator.Validate(configuration, plan with { Memory = damaged }), problem => problem.Contains("layout", StringComparison.Ordinal));
        }
    }

    [Fact]
    [Requirement("VM-7")]
    public void Compatibility_and_exposed_virtualization_choose_the_processor()
    {
        var (configuration, plan) = Describe(1, AcceleratorKind.Kvm);
        Assert.Contains("-cpu host,vmx=off,svm=off", Line(new()), StringComparison.Ordinal);
        Assert.DoesNotContain("vmx=off", Line(new() { ExposeVirtualizationExtensions = true }), StringComparison.Ordinal);
        Assert.Contains("-cpu Nehalem", Line(new() { CompatibilityForMigrationEnabled = true }), StringComparison.Ordinal);

        string Line(ProcessorConfiguration processor) => MachineCommandLine.Build(configuration with { Processor = processor }, plan).ToString();
    }

    [Fact]
    public void Two_drives_in_one_place_are_refused()
    {
        var (configuration, plan) = Describe(1, AcceleratorKind.Tcg);
        var drive = configuration.Drives[0];
        var problems = MachineValidator.Validate(configuration with { Drives = [drive, drive with { Id = Guid.NewGuid(), Path = null, Kind = DriveKind.Dvd }] }, plan);
        Assert.Contains("Two drives share the place IDE 0:0.", problems);
    }

    private static (VirtualMachineConfiguration Configuration, MachineRuntimePlan Plan) Describe(int generation, AcceleratorKind accelerator)
    {
        var configuration = new VirtualMachineConfiguration
        {
            Id = new("33333333-0000-0000-0000-000000000001"),
            Name = "web1",
            Generation = generation,
            CreationTime = DateTimeOffset.UnixEpoch,
            Path = "/vm",
            SnapshotFileLocation = "/vm",
            SmartPagingFilePath = "/vm",
            Memory = new() { StartupBytes = 512 << 20 },
            Processor = new() { Count = 2 },
            Drives =
            [
                new() { Id = s_ide, Kind = DriveKind.HardDisk, Bus = generation == 1 ? DriveBus.Ide : DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 0, Path = "/vm/boot.vhdx" },
                new() { Id = s_dvd, Kind = DriveKind.Dvd, Bus = generation == 1 ? DriveBus.Ide : DriveBus.Scsi, ControllerNumber = 1, ControllerLocation = 0, Path = "/iso/setup.iso" },
                new() { Id = s_scsi, Kind = DriveKind.HardDisk, Bus = DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 1, Path = "/vm/data.vhdx" },
            ],
            NetworkAdapters = [new() { Id = s_adapter, MacAddress = "00155D000001" }],
            FirmwareBootOrder = [s_dvd, s_ide],
        };

        // As a host serves them: through QEMU where the processor is emulated.
        var disks = accelerator == AcceleratorKind.Tcg ? DriveTransport.Nbd : DriveTransport.VhostUserBlock;
        var plan = new MachineRuntimePlan
        {
            Accelerator = accelerator,
            RunFolder = "/run/vireo/m/web1",
            Drives =
            [
                new(s_ide, generation == 1 ? DriveTransport.Nbd : disks, "/run/vireo/d/boot"),
                new(s_dvd, DriveTransport.Nbd, "/run/vireo/d/setup"),
                new(s_scsi, disks, "/run/vireo/d/data", Queues: 2, LogicalSectorBytes: 512, PhysicalSectorBytes: 4096),
            ],
            Adapters = [new(s_adapter, "/run/vireo/p/web1", "00155D000001")],
            Firmware = new("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd", "/vm/web1.vars"),
        };
        return (configuration, plan);
    }
}
