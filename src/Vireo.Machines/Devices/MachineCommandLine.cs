using System.Globalization;
using System.Numerics;
using System.Text;
using Vireo.Machines.Accelerators;
using Vireo.Machines.Configuration;

namespace Vireo.Machines.Devices;

/// <summary>The device model: from a configuration and a plan to QEMU's command line. Pure; <see cref="MachineValidator"/> was asked before.</summary>
public sealed class MachineCommandLine
{
    // Memory for translated code, in MB: QEMU's own default of 1 GB per guest is too much for many small guests.
    private const int TranslationCacheMegabytes = 256;

    private readonly VirtualMachineConfiguration _configuration;
    private readonly MachineRuntimePlan _plan;
    private readonly List<QemuOption> _options = [];
    private readonly IReadOnlyDictionary<Guid, int> _bootOrder;

    private MachineCommandLine(VirtualMachineConfiguration configuration, MachineRuntimePlan plan, DeviceSlots? previousSlots, string? machineType, bool incoming)
    {
        _configuration = configuration;
        _plan = plan;
        _bootOrder = BootOrder.Plan(configuration);
        Slots = DeviceSlots.Plan(configuration.Generation, [.. PciDevices(configuration)], previousSlots);
        AddMachine(machineType ?? (configuration.Generation == 1 ? "pc" : "q35"));
        AddFirmware();
        AddProcessorsAndMemory();
        AddControl();
        AddBaseDevices();
        AddTpm();
        _options.AddRange(Slots.RootPorts([.. plan.Adapters.Where(adapter => adapter.QemuSocketPath is not null).Select(adapter => DeviceNames.Adapter(adapter.AdapterId))]));
        if (NeedsDiskController(configuration))
        {
            _options.Add(Slots.Place(1, DeviceNames.DiskController, new QemuOption("-device", "ich9-ahci").With("id", DeviceNames.DiskController)));
        }

        foreach (var drive in configuration.Drives)
        {
            AddDrive(drive);
        }

        AddFloppy();
        foreach (var adapter in plan.Adapters)
        {
            _options.AddRange(DeviceOptions.Adapter(adapter, configuration.Generation, Slots, plan.Accelerator, BootIndex(adapter.AdapterId)));
        }

        if (incoming)
        {
            Add("-incoming", "defer");
        }
    }

    /// <summary>Where devices sit.</summary>
    public DeviceSlots Slots { get; }

    /// <summary>Program and arguments.</summary>
    public IReadOnlyList<string> Arguments =>
        [_plan.QemuPath, .. _options.SelectMany(option => option.ToArgument() is { } value ? new[] { option.Flag, value } : [option.Flag])];

    /// <summary>Files that QEMU gets open as descriptors 3, 4, ...: its user may not be able to reach them.</summary>
    public IReadOnlyList<string> OpenFiles => _plan.Firmware is { } firmware && _configuration.Generation == 2 ? [firmware.VariablesPath] : [];

    /// <summary>Builds it.</summary>
    /// <param name="configuration">What the machine should be.</param>
    /// <param name="plan">Where its parts are.</param>
    /// <param name="previousSlots">Places of devices that a saved state needs again.</param>
    /// <param name="machineType">Exact machine type that a saved state needs again, for example <c>pc-i440fx-7.2</c>.</param>
    /// <param name="incoming">The machine waits for a saved state.</param>
    /// <exception cref="MachineException">There are more devices than places.</exception>
    public static MachineCommandLine Build(
        VirtualMachineConfiguration configuration, MachineRuntimePlan plan, DeviceSlots? previousSlots = null, string? machineType = null,
        bool incoming = false) => new(configuration, plan, previousSlots, machineType, incoming);

    /// <summary>One option per line, quoted for a shell, for people.</summary>
    public override string ToString()
    {
        var text = new StringBuilder(_plan.QemuPath);
        foreach (var option in _options)
        {
            text.Append(" \\\n  ").Append(option.Flag);
            if (option.ToArgument() is { } value)
            {
                var plain = value.All(c => char.IsAsciiLetterOrDigit(c) || "-_=,./:+".Contains(c, StringComparison.Ordinal));
                text.Append(' ').Append(plain ? value : $"'{value.Replace("'", "'\\''", StringComparison.Ordinal)}'");
            }
        }

        return text.ToString();
    }

    private static IEnumerable<string> PciDevices(VirtualMachineConfiguration configuration) =>
        configuration.NetworkAdapters.Select(adapter => DeviceNames.Adapter(adapter.Id))
            .Concat(configuration.Drives.Where(drive => MachineValidator.IsPciDisk(configuration, drive)).Select(drive => DeviceNames.Drive(drive.Id)))
            .Concat(NeedsDiskController(configuration) ? [DeviceNames.DiskController] : []);

    /// <summary>The PC of generation 1 has no AHCI controller of its own.</summary>
    private static bool NeedsDiskController(VirtualMachineConfiguration configuration) =>
        configuration is { Generation: 1, DeviceModel: DeviceModel.Emulated } && configuration.Drives.Any(drive => drive.Bus == DriveBus.Scsi);

    private QemuOption Add(string flag, string? leading = null)
    {
        var option = new QemuOption(flag, leading);
        _options.Add(option);
        return option;
    }

    private void AddMachine(string machineType)
    {
        Add("-name").With("guest", _configuration.Name).With("debug-threads", true);
        Add("-uuid", _configuration.Id.ToString());
        Add("-no-user-config");
        Add("-nodefaults");
        var machine = Add("-machine", machineType).With("usb", false).With("vmport", false).With("hpet", false).With("dump-guest-core", false);
        if (_plan.Memory.Nodes.Count == 0)
        {
            machine.With("memory-backend", DeviceNames.Memory);
        }

        if (_plan.Accelerator == AcceleratorKind.Kvm)
        {
            Add("-accel", "kvm");
        }
        else
        {
            Add("-accel", "tcg").With("thread", "multi").With("tb-size", TranslationCacheMegabytes);
        }

        Add("-sandbox", "on").With("obsolete", "deny").With("elevateprivileges", "deny").With("spawn", "deny").With("resourcecontrol", "deny");
        Add("-rtc").With("base", _configuration.GuestFamily == GuestFamily.Windows ? "localtime" : "utc").With("driftfix", "slew");
        var powerManagement = _configuration.Generation == 1 ? "PIIX4_PM" : "ICH9-LPC";

        // The guest cannot put a virtual machine to sleep; Hyper-V's guests cannot either.
        Add("-global", $"{powerManagement}.disable_s3=1");
        Add("-global", $"{powerManagement}.disable_s4=1");
        if (_plan.Accelerator == AcceleratorKind.Kvm)
        {
            Add("-global", "kvm-pit.lost_tick_policy=delay");
        }

        // A crashed guest does what it is set to do: stay, or restart itself. We only report it.
        Add("-action").With("panic", "none").With("reboot", "reset").With("shutdown", "poweroff");
        Add("-boot").With("strict", true).With("menu", false);
        Add("-msg").With("timestamp", true);

        // Tells later why QEMU ended, also to somebody who was not there.
        Add("-trace", "qemu_system_shutdown_request");
        Add("-S");
    }

    private void AddFirmware()
    {
        if (_configuration.Generation != 2 || _plan.Firmware is not { } firmware)
        {
            return;
        }

        Add("-add-fd").With("fd", 3).With("set", 1).With("opaque", "firmware variables");
        Add("-blockdev").With("driver", "file").With("node-name", "firmware-code").With("filename", firmware.CodePath).With("read-only", true);
        Add("-blockdev").With("driver", "file").With("node-name", "firmware-variables").With("filename", "/dev/fdset/1");
        var flash = Add("-machine").With("pflash0", "firmware-code").With("pflash1", "firmware-variables");
        if (firmware.IsSecure)
        {
            // Only system management mode writes variables: else a guest could put its own keys beside those that are enrolled.
            flash.With("smm", true);
            Add("-global").With("driver", "cfi.pflash01").With("property", "secure").With("value", "on");
        }
    }

    private void AddTpm()
    {
        if (_configuration.TpmEnabled && _configuration.Generation == 2)
        {
            Add("-chardev", "socket").With("id", "tpm").With("path", _plan.TpmSocket);
            Add("-tpmdev", "emulator").With("id", "tpm").With("chardev", "tpm");
            Add("-device", "tpm-crb").With("tpmdev", "tpm");
        }
    }

    private void AddProcessorsAndMemory()
    {
        var processor = _configuration.Processor;
        AddProcessorModel(processor);
        AddEnlightenments();
        var layout = _plan.Memory;
        Add("-smp").With("cpus", processor.Count).With("sockets", layout.Sockets)
            .With("cores", processor.Count / layout.Sockets / layout.ThreadsPerCore).With("threads", layout.ThreadsPerCore);
        var bytes = _configuration.Memory.StartupBytes;
        var size = Add("-m").With("size", Megabytes(bytes));
        if (layout.GrowthBytes > 0)
        {
            size.With("maxmem", Megabytes(bytes + layout.GrowthBytes));
        }

        if (layout.Nodes.Count == 0)
        {
            AddMemory(DeviceNames.Memory, bytes);
        }

        var firstProcessor = 0;
        for (var i = 0; i < layout.Nodes.Count; i++)
        {
            var node = layout.Nodes[i];
            var memory = AddMemory(DeviceNames.NodeMemory(i), node.Bytes);
            if (node.HostNode is { } hostNode)
            {
                memory.With("host-nodes", hostNode).With("policy", node.IsBound ? "bind" : "preferred");
            }

            Add("-numa", "node").With("nodeid", i)
                .With("cpus", string.Create(CultureInfo.InvariantCulture, $"{firstProcessor}-{firstProcessor + node.Processors - 1}"))
                .With("memdev", DeviceNames.NodeMemory(i));
            firstProcessor += node.Processors;
        }
    }

    // Shared: the data planes read and write it in place.
    private QemuOption AddMemory(string id, long bytes) => Add("-object", "memory-backend-memfd").With("id", id).With("size", bytes).With("share", true);

    private static string Megabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes >> 20}M");

    private void AddProcessorModel(ProcessorConfiguration processor)
    {
        if (processor.CompatibilityForMigrationEnabled)
        {
            // What every x86-64 processor of the last fifteen years has.
            Add("-cpu", "Nehalem");
        }
        else if (_plan.Accelerator == AcceleratorKind.Tcg)
        {
            // With five-level page tables (LA57) programs of a Linux guest crash under the translator of QEMU 7.2, and every guest is slower.
            Add("-cpu", "max").With("svm", false).With("la57", false);
        }
        else if (processor.ExposeVirtualizationExtensions)
        {
            Add("-cpu", "host");
        }
        else
        {
            Add("-cpu", "host").With("vmx", false).With("svm", false);
        }
    }

    private void AddEnlightenments()
    {
        if (_configuration.GuestFamily == GuestFamily.Windows && _plan.Accelerator == AcceleratorKind.Kvm)
        {
            Enlightenments.AddTo(_options.Last(option => option.Flag == "-cpu"));
        }
    }

    private void AddControl()
    {
        AddSocketServer("qmp", _plan.QmpSocket, log: null);
        Add("-mon").With("chardev", "qmp").With("mode", "control");
        Add("-vnc", $"unix:{_plan.ScreenSocket}");
        for (var number = 1; number <= 2; number++)
        {
            AddSocketServer(DeviceNames.Com(number), _plan.ComSocket(number), _plan.ComLog(number));
            Add("-device", "isa-serial").With("id", $"serial{number}").With("chardev", DeviceNames.Com(number)).With("index", number - 1);
        }

        AddSocketServer(DeviceNames.Agent, _plan.AgentSocket, log: null);
    }

    private void AddSocketServer(string id, string path, string? log)
    {
        var option = Add("-chardev", "socket").With("id", id).With("path", path).With("server", true).With("wait", false);
        if (log is not null)
        {
            // Appending, so that the file can be cut from outside while QEMU writes it.
            option.With("logfile", log).With("logappend", true);
        }
    }

    private void AddBaseDevices()
    {
        var bus = _configuration.Generation == 1 ? "pci.0" : "pcie.0";
        AddScreen(bus);
        var balloon = Add("-device", "virtio-balloon-pci").With("id", DeviceNames.Balloon).With("bus", bus).With("addr", "0x3");
        if (_plan.Memory.GrowthBytes > 0)
        {
            // Reserves addresses, not memory: the guest gets what it is given later on.
            AddMemory(DeviceNames.GrowthMemory, _plan.Memory.GrowthBytes).With("reserve", false);
            balloon.With("multifunction", true);
            Add("-device", "virtio-mem-pci").With("id", DeviceNames.Growth).With("memdev", DeviceNames.GrowthMemory)
                .With("block-size", MemoryLayout.StepBytes).With("requested-size", 0).With("bus", bus).With("addr", "0x3.0x1");
        }

        Add("-object", "rng-random").With("id", "entropy").With("filename", "/dev/urandom");
        Add("-device", "virtio-rng-pci").With("id", "random").With("rng", "entropy").With("bus", bus).With("addr", "0x4");
        Add("-device", "virtio-serial-pci").With("id", "channels").With("bus", bus).With("addr", "0x5");
        Add("-device", "virtserialport").With("id", DeviceNames.AgentPort).With("bus", "channels.0").With("chardev", DeviceNames.Agent)
            .With("name", "org.qemu.guest_agent.0");
        Add("-device", "pvpanic").With("id", "panic");
    }

    private void AddScreen(string bus)
    {
        var screen = Add("-device", "VGA").With("id", "screen").With("bus", bus).With("addr", "0x2");
        var video = _configuration.Video;
        if (video.Resolution == VideoResolution.Default)
        {
            return;
        }

        // What the monitor tells the guest (EDID): the most it shows, and what it likes best.
        screen.With("xmax", video.Horizontal).With("ymax", video.Vertical);
        if (video.Resolution == VideoResolution.Single)
        {
            screen.With("xres", video.Horizontal).With("yres", video.Vertical);
        }

        const int BytesPerPixel = 4;
        const int UsualMegabytes = 16;
        var megabytes = (int)BitOperations.RoundUpToPowerOf2((uint)((((long)video.Horizontal * video.Vertical * BytesPerPixel) >> 20) + 1));
        if (megabytes > UsualMegabytes)
        {
            screen.With("vgamem_mb", megabytes);
        }
    }

    private void AddFloppy()
    {
        if (FloppyDrive.Of(_configuration) is { } drive && _plan.Drives.FirstOrDefault(candidate => candidate.DriveId == drive.Id) is { } connection)
        {
            _options.Add(DeviceOptions.NbdNode(connection, connection.ReadOnly));
            Add("-device", "floppy").With("id", DeviceNames.Drive(drive.Id)).With("drive", DeviceNames.Node(drive.Id));
            if (BootIndex(drive.Id) is { } index)
            {
                // The controller, which the machine has by itself, knows the order of its two drives.
                Add("-global", string.Create(CultureInfo.InvariantCulture, $"isa-fdc.bootindexA={index}"));
            }
        }
    }

    private void AddDrive(DriveConfiguration drive)
    {
        var connection = _plan.Drives.FirstOrDefault(candidate => candidate.DriveId == drive.Id);
        var bootIndex = BootIndex(drive.Id);
        if (connection is not null)
        {
            _options.Add(connection.Transport == DriveTransport.VhostUserBlock
                ? DeviceOptions.DriveSocket(connection)
                : DeviceOptions.NbdNode(connection, drive.Kind == DriveKind.Dvd || connection.ReadOnly));
            if (MachineValidator.IsPciDisk(_configuration, drive))
            {
                _options.Add(DeviceOptions.PciDisk(connection, _configuration.Generation, Slots, _plan.Accelerator, bootIndex));
                return;
            }
        }

        var device = Add("-device", drive.Kind == DriveKind.Dvd ? "ide-cd" : "ide-hd").With("id", DeviceNames.Drive(drive.Id));
        if (drive.Bus == DriveBus.Ide)
        {
            device.With("bus", $"ide.{drive.ControllerNumber}").With("unit", drive.ControllerLocation);
        }
        else
        {
            // AHCI, for q35 its own controller: every guest has its driver, also an installer.
            var position = _configuration.Drives.Where(candidate => candidate.Bus == DriveBus.Scsi && !MachineValidator.IsPciDisk(_configuration, candidate))
                .TakeWhile(candidate => candidate.Id != drive.Id).Count();
            device.With("bus", $"{(_configuration.Generation == 1 ? DeviceNames.DiskController : "ide")}.{position}");
        }

        if (connection is not null)
        {
            device.With("drive", DeviceNames.Node(drive.Id));
        }

        if (drive.Kind == DriveKind.HardDisk)
        {
            DeviceOptions.WithStops(device);
        }

        device.WithOptional("bootindex", bootIndex);
    }

    private long? BootIndex(Guid id) => _bootOrder.TryGetValue(id, out var index) ? index : null;
}
