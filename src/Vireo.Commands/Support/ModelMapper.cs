using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;

namespace Vireo.Commands.Support;

/// <summary>Makes the model's objects out of configuration and status.</summary>
public static class ModelMapper
{
    /// <summary>Version of machine configurations that this host writes.</summary>
    public const string MachineVersion = "1.0";

    private static readonly MachineStatus s_off = new(VMState.Off, "", TimeSpan.Zero, 0, 0, 0, null, new Dictionary<string, string[]>(StringComparer.Ordinal));

    /// <summary>A machine.</summary>
    public static VirtualMachine Machine(VirtualMachineConfiguration c, MachineStatus status, CommandContext context)
    {
        var facts = context.Service<IHostSettings>().Facts;
        var host = facts.Name;
        var topology = GuestTopology.Plan(c, facts.Topology);
        return new VirtualMachine
        {
            NumaNodesCount = GuestTopology.NodeCount(topology),
            NumaSocketCount = topology.Sockets,
            ComputerName = host,
            Id = c.Id,
            Name = c.Name,
            State = status.State,
            Status = status.StatusText,
            OperationalStatus = [VMOperationalStatus.Ok],
            Uptime = status.Uptime,
            CPUUsage = status.CpuUsagePercent,
            MemoryAssigned = status.MemoryAssignedBytes,
            MemoryDemand = status.MemoryDemandBytes,
            MemoryStatus = status.MemoryStatus,
            Heartbeat = status.Heartbeat,
            Generation = c.Generation,
            DeviceModel = Enum.Parse<VMDeviceModel>(c.DeviceModel.ToString()),
            GuestFamily = Enum.Parse<VMGuestFamily>(c.GuestFamily.ToString()),
            Version = MachineVersion,
            Notes = c.Notes,
            Path = c.Path,
            ConfigurationLocation = c.Path,
            SnapshotFileLocation = c.SnapshotFileLocation,
            SmartPagingFilePath = c.SmartPagingFilePath,
            SmartPagingFileInUse = status.SmartPagingFileInUse,
            CreationTime = c.CreationTime.LocalDateTime,
            ProcessorCount = c.Processor.Count,
            DynamicMemoryEnabled = c.Memory.DynamicMemoryEnabled,
            MemoryStartup = c.Memory.StartupBytes,
            MemoryMinimum = c.Memory.MinimumBytes,
            MemoryMaximum = c.Memory.MaximumBytes,
            AutomaticStartAction = Enum.Parse<StartAction>(c.AutomaticStartAction),
            AutomaticStartDelay = c.AutomaticStartDelaySeconds,
            AutomaticStopAction = Enum.Parse<StopAction>(c.AutomaticStopAction),
            CheckpointType = Enum.Parse<CheckpointType>(c.CheckpointType),
            ResourceMeteringEnabled = c.ResourceMeteringEnabled,
            ParentSnapshotId = Visible(c, c.Checkpoints.CurrentId),
            ParentSnapshotName = CheckpointName(c, c.Checkpoints.CurrentId),
            NetworkAdapters = [.. c.NetworkAdapters.Select(adapter => Adapter(c, adapter, status, context))],
            HardDrives = [.. c.Drives.Where(drive => drive.Kind == DriveKind.HardDisk).Select(drive => HardDisk(c, drive, host))],
            DVDDrives = [.. c.Drives.Where(drive => drive.Kind == DriveKind.Dvd).Select(drive => Dvd(c, drive, host))],
            FloppyDrive = FloppyMapper.Floppy(c, host),
            ComPort1 = ComPort(c, 1, host),
            ComPort2 = ComPort(c, 2, host),
        };
    }

    /// <summary>A checkpoint of a machine.</summary>
    public static VMSnapshot Checkpoint(VirtualMachineConfiguration c, CheckpointConfiguration checkpoint, CommandContext context)
    {
        var then = checkpoint.Machine;
        var host = context.Service<IHostSettings>().Facts.Name;
        return new VMSnapshot
        {
            ComputerName = host,
            Id = checkpoint.Id,
            Name = checkpoint.Name,
            VMId = c.Id,
            VMName = c.Name,
            State = checkpoint.HasState ? VMState.Saved : VMState.Off,
            IsApplicationConsistent = checkpoint.IsApplicationConsistent,
            CreationTime = checkpoint.CreationTime.LocalDateTime,
            ParentSnapshotId = Visible(c, checkpoint.ParentId),
            ParentSnapshotName = CheckpointName(c, checkpoint.ParentId),
            Generation = then.Generation,
            DeviceModel = Enum.Parse<VMDeviceModel>(then.DeviceModel.ToString()),
            GuestFamily = Enum.Parse<VMGuestFamily>(then.GuestFamily.ToString()),
            Version = MachineVersion,
            Notes = then.Notes,
            Path = c.SnapshotFileLocation,
            SnapshotFileLocation = c.SnapshotFileLocation,
            ProcessorCount = then.Processor.Count,
            DynamicMemoryEnabled = then.Memory.DynamicMemoryEnabled,
            MemoryStartup = then.Memory.StartupBytes,
            MemoryMinimum = then.Memory.MinimumBytes,
            MemoryMaximum = then.Memory.MaximumBytes,
            AutomaticStartAction = Enum.Parse<StartAction>(then.AutomaticStartAction),
            AutomaticStartDelay = then.AutomaticStartDelaySeconds,
            AutomaticStopAction = Enum.Parse<StopAction>(then.AutomaticStopAction),
            CheckpointType = Enum.Parse<CheckpointType>(then.CheckpointType),
            NetworkAdapters = [.. then.NetworkAdapters.Select(adapter => Adapter(then, adapter, s_off, context))],
            HardDrives = [.. then.Drives.Where(drive => drive.Kind == DriveKind.HardDisk).Select(drive => HardDisk(then, drive, host))],
            DVDDrives = [.. then.Drives.Where(drive => drive.Kind == DriveKind.Dvd).Select(drive => Dvd(then, drive, host))],
        };
    }

    private static string? CheckpointName(VirtualMachineConfiguration c, Guid? id) => c.Checkpoints.All.FirstOrDefault(one => one.Id == Visible(c, id))?.Name;

    // A checkpoint that an export made for itself is nobody's parent.
    private static Guid? Visible(VirtualMachineConfiguration c, Guid? id) =>
        c.Checkpoints.All.FirstOrDefault(one => one.Id == id) is { IsForExport: true } hidden ? hidden.ParentId : id;

    /// <summary>A network adapter of a machine.</summary>
    public static VMNetworkAdapter Adapter(
        VirtualMachineConfiguration c, NetworkAdapterConfiguration adapter, MachineStatus status, CommandContext context)
    {
        var connected = adapter.SwitchId is { } id ? context.Service<ISwitches>().Find(id) : null;
        var part = Part<VMNetworkAdapter>(c, adapter.Id, adapter.Name, context.Service<IHostSettings>().Facts.Name);
        part.MacAddress = adapter.MacAddress.Length == 0 ? "000000000000" : adapter.MacAddress;
        part.DynamicMacAddressEnabled = adapter.DynamicMacAddress;
        part.SwitchId = connected?.Id;
        part.SwitchName = connected?.Name ?? "";
        part.Connected = connected is not null;
        part.IsLegacy = adapter.IsLegacy;
        part.PoolName = adapter.ResourcePoolName ?? ResourcePoolConfiguration.Primordial;
        part.IPAddresses = status.GuestAddresses.TryGetValue(adapter.MacAddress, out var addresses) ? addresses : [];
        part.Status = status.IsActive ? [connected is null ? VMNetworkAdapterOperationalStatus.NoContact : VMNetworkAdapterOperationalStatus.Ok] : [];
        part.StatusDescription = status.IsActive ? [connected is null ? "No Contact" : "OK"] : [];
        AdapterPolicyMapper.Fill(part, AdapterTarget.Of(c, adapter), part.ComputerName);
        return part;
    }

    /// <summary>An adapter of the management operating system.</summary>
    public static VMInternalNetworkAdapter ManagementAdapter(SwitchConfiguration on, ManagementAdapterConfiguration adapter, string host)
    {
        var part = new VMInternalNetworkAdapter
        {
            ComputerName = host,
            Id = $"Microsoft:{adapter.Id.ToString("D").ToUpperInvariant()}",
            Name = adapter.Name,
            MacAddress = adapter.MacAddress,
            SwitchId = on.Id,
            SwitchName = on.Name,
            Connected = true,
            IsManagementOs = true,
            DeviceName = adapter.InterfaceName,
            Status = [VMNetworkAdapterOperationalStatus.Ok],
            StatusDescription = ["OK"],
            IPAddresses = HostAddresses.Of(adapter.InterfaceName),
        };
        AdapterPolicyMapper.Fill(part, AdapterTarget.Of(on, adapter), host);
        return part;
    }

    /// <summary>A hard disk drive.</summary>
    public static HardDiskDrive HardDisk(VirtualMachineConfiguration c, DriveConfiguration drive, string host) =>
        Place(Part<HardDiskDrive>(c, drive.Id, $"Hard Drive on {PlaceName(drive)}", host), drive);

    /// <summary>A DVD drive.</summary>
    public static DvdDrive Dvd(VirtualMachineConfiguration c, DriveConfiguration drive, string host)
    {
        var part = Place(Part<DvdDrive>(c, drive.Id, $"DVD Drive on {PlaceName(drive)}", host), drive);
        part.DvdMediaType = drive.Path is null ? DvdMediaType.None : DvdMediaType.ISO;
        return part;
    }

    /// <summary>Memory.</summary>
    public static VMMemory Memory(VirtualMachineConfiguration c, HostFacts host)
    {
        var part = Part<VMMemory>(c, null, "Memory", host.Name);
        part.DynamicMemoryEnabled = c.Memory.DynamicMemoryEnabled;
        part.Startup = c.Memory.StartupBytes;
        part.Minimum = c.Memory.MinimumBytes;
        part.Maximum = c.Memory.MaximumBytes;
        part.ResourcePoolName = c.Memory.ResourcePoolName ?? ResourcePoolConfiguration.Primordial;
        part.Buffer = c.Memory.BufferPercent;
        part.Priority = c.Memory.Priority;
        part.MaximumPerNumaNode = (int)((c.Memory.MaximumPerNumaNodeBytes ?? host.Topology.BytesPerNode) >> 20);
        return part;
    }

    /// <summary>Processors.</summary>
    public static VMProcessor Processor(VirtualMachineConfiguration c, HostFacts host)
    {
        var part = Part<VMProcessor>(c, null, "Processor", host.Name);
        part.ResourcePoolName = c.Processor.ResourcePoolName ?? ResourcePoolConfiguration.Primordial;
        part.Count = c.Processor.Count;
        part.Reserve = c.Processor.ReservePercent;
        part.Maximum = c.Processor.LimitPercent;
        part.RelativeWeight = c.Processor.RelativeWeight;
        part.CompatibilityForMigrationEnabled = c.Processor.CompatibilityForMigrationEnabled;
        part.ExposeVirtualizationExtensions = c.Processor.ExposeVirtualizationExtensions;
        part.MaximumCountPerNumaNode = c.Processor.MaximumCountPerNumaNode ?? host.Topology.ProcessorsPerNode;
        part.MaximumCountPerNumaSocket = c.Processor.MaximumCountPerNumaSocket ?? host.Topology.NodesPerSocket;
        part.HwThreadCountPerCore = c.Processor.ThreadsPerCore;
        return part;
    }

    /// <summary>A serial port.</summary>
    public static VMComPort ComPort(VirtualMachineConfiguration c, int number, string host)
    {
        var part = Part<VMComPort>(c, null, $"COM {number}", host);
        part.Number = number;
        part.Path = c.ComPorts[number - 1] ?? "";
        return part;
    }

    /// <summary>A part with what every part has.</summary>
    public static T Part<T>(VirtualMachineConfiguration c, Guid? id, string name, string host)
        where T : VMComponentObject, new() => new()
        {
            ComputerName = host,
            Id = VMComponentObject.MakeId(c.Id, id?.ToString("D") ?? name),
            Name = name,
            VMId = c.Id,
            VMName = c.Name,
        };

    private static T Place<T>(T part, DriveConfiguration drive)
        where T : Drive
    {
        part.Path = drive.Path ?? "";
        if (part is HardDiskDrive { } disk && drive.PhysicalDisk is not null)
        {
            disk.DiskNumber = PhysicalDisks.NumberOf(drive.Path!);
        }

        part.PoolName = drive.ResourcePoolName ?? ResourcePoolConfiguration.Primordial;
        part.ControllerType = drive.Bus == DriveBus.Ide ? ControllerType.IDE : ControllerType.SCSI;
        part.ControllerNumber = drive.ControllerNumber;
        part.ControllerLocation = drive.ControllerLocation;
        return part;
    }

    private static string PlaceName(DriveConfiguration drive) =>
        $"{(drive.Bus == DriveBus.Ide ? "IDE" : "SCSI")} controller number {drive.ControllerNumber} at location {drive.ControllerLocation}";
}
