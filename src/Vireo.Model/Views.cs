namespace Vireo.Model;

/// <summary>One column of a table.</summary>
/// <param name="Header">Heading, as the original shows it.</param>
/// <param name="Property">Property the value comes from.</param>
/// <param name="Scale">The value is divided by this, rounding down; 1 leaves it.</param>
/// <param name="RightAligned">Numbers stand to the right.</param>
public sealed record ViewColumn(string Header, string Property, long Scale = 1, bool RightAligned = false)
{
    /// <summary>A column whose heading is the property's name.</summary>
    public ViewColumn(string property)
        : this(property, property)
    {
    }
}

/// <summary>Default tables of the model's types. The CLI prints them; the PowerShell module's format file is made from them.</summary>
public static class Views
{
    /// <summary>Columns by full type name. A type that is not here is shown as a list.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<ViewColumn>> Tables { get; } = new Dictionary<string, IReadOnlyList<ViewColumn>>(StringComparer.Ordinal)
    {
        ["Microsoft.HyperV.PowerShell.VirtualMachine"] =
        [
            new("Name"), new("State"), new("CPUUsage(%)", "CPUUsage", RightAligned: true),
            new("MemoryAssigned(M)", "MemoryAssigned", 1 << 20, RightAligned: true), new("Uptime"), new("Status"), new("Version"),
        ],
        ["Microsoft.HyperV.PowerShell.VMSnapshot"] = [new("VMName"), new("Name"), new("SnapshotType"), new("CreationTime"), new("ParentSnapshotName")],
        ["Microsoft.HyperV.PowerShell.VMSystemSwitchExtension"] = [new("Name"), new("Vendor"), new("Version"), new("ExtensionType")],
        ["Microsoft.HyperV.PowerShell.VMSwitchExtension"] =
            [new("Order"), new("Name"), new("SwitchName"), new("Version"), new("ExtensionType"), new("Enabled"), new("Running"), new("Frames"), new("DroppedFrames")],
        ["Microsoft.HyperV.PowerShell.VMSwitch"] = [new("Name"), new("SwitchType"), new("NetAdapterInterfaceDescription")],
        ["Microsoft.HyperV.PowerShell.VMNetworkAdapter"] =
            [new("Name"), new("IsManagementOs"), new("VMName"), new("SwitchName"), new("MacAddress"), new("Status"), new("IPAddresses")],
        ["Microsoft.HyperV.PowerShell.VMInternalNetworkAdapter"] =
            [new("Name"), new("IsManagementOs"), new("VMName"), new("SwitchName"), new("MacAddress"), new("Status"), new("IPAddresses")],
        ["Microsoft.HyperV.PowerShell.VMNetworkAdapterVlanSetting"] =
            [new("VMName"), new("VMNetworkAdapterName", "AdapterName"), new("Mode", "OperationMode"), new("VlanList", "AccessVlanId"), new("AllowedVlanIdList"), new("PrimaryVlanId")],
        ["Microsoft.HyperV.PowerShell.VMNetworkAdapterIsolationSetting"] =
            [new("VMName"), new("VMNetworkAdapterName", "AdapterName"), new("IsolationMode"), new("DefaultIsolationID"), new("AllowUntaggedTraffic")],
        ["Microsoft.HyperV.PowerShell.VMNetworkAdapterConnectionTestResult"] =
            [new("SequenceNumber"), new("SenderIPAddress"), new("ReceiverIPAddress"), new("RoundTripTime")],
        ["Microsoft.HyperV.PowerShell.VMNetworkTrace"] =
            [new("Time"), new("From"), new("Summary"), new("Length"), new("Decision"), new("Reason"), new("Rule"), new("To")],
        ["Microsoft.HyperV.PowerShell.VMNetworkAdapterAclSetting"] =
            [new("VMName"), new("AdapterName"), new("Direction"), new("Action"), new("LocalAddress"), new("RemoteAddress"), new("MeteredMegabytes"), new("DeniedFrames")],
        ["Microsoft.HyperV.PowerShell.VMNetworkAdapterExtendedAclSetting"] =
        [
            new("VMName"), new("AdapterName"), new("Direction"), new("Action"), new("LocalIPAddress"), new("LocalPort"), new("RemoteIPAddress"), new("RemotePort"),
            new("Protocol"), new("Weight"), new("Stateful"),
        ],
        ["Microsoft.HyperV.PowerShell.HardDiskDrive"] =
            [new("VMName"), new("ControllerType"), new("ControllerNumber"), new("ControllerLocation"), new("DiskNumber"), new("Path")],
        ["Microsoft.HyperV.PowerShell.VMScsiController"] = [new("VMName"), new("ControllerNumber"), new("Drives")],
        ["Microsoft.HyperV.PowerShell.VMIdeController"] = [new("VMName"), new("ControllerNumber"), new("Drives")],
        ["Microsoft.HyperV.PowerShell.DvdDrive"] =
            [new("VMName"), new("ControllerType"), new("ControllerNumber"), new("ControllerLocation"), new("DvdMediaType"), new("Path")],
        ["Microsoft.HyperV.PowerShell.VMHost"] =
            [new("Name"), new("LogicalProcessorCount"), new("MemoryCapacity(M)", "MemoryCapacity", 1 << 20, RightAligned: true), new("VirtualMachinePath"), new("VirtualHardDiskPath")],
        ["Microsoft.HyperV.PowerShell.VMHostDisk"] =
            [new("Number"), new("FriendlyName"), new("Size(G)", "Size", 1 << 30, RightAligned: true), new("LogicalSectorSize"), new("DevicePath"), new("Usage")],
        ["Microsoft.HyperV.PowerShell.VMHostNumaNode"] = [new("NodeId"), new("ProcessorsAvailability"), new("MemoryAvailable"), new("MemoryTotal")],
        ["Microsoft.HyperV.PowerShell.VMHostNumaNodeStatus"] = [new("NodeId"), new("VMName"), new("MemoryUsed")],
        ["Microsoft.HyperV.PowerShell.VMMemory"] =
        [
            new("VMName"), new("DynamicMemoryEnabled"), new("Minimum(M)", "Minimum", 1 << 20, RightAligned: true),
            new("Startup(M)", "Startup", 1 << 20, RightAligned: true), new("Maximum(M)", "Maximum", 1 << 20, RightAligned: true),
        ],
        ["Microsoft.HyperV.PowerShell.VMProcessor"] = [new("VMName"), new("Count"), new("CompatibilityForMigrationEnabled")],
        ["Microsoft.HyperV.PowerShell.VMFirmware"] = [new("VMName"), new("SecureBoot"), new("PreferredNetworkBootProtocol"), new("BootOrder")],
        ["Microsoft.HyperV.PowerShell.VMFloppyDiskDrive"] = [new("VMName"), new("Path")],
        ["Microsoft.HyperV.PowerShell.VMGroup"] = [new("Name"), new("InstanceId"), new("GroupType"), new("VMMembers"), new("VMGroupMembers")],
        ["Microsoft.HyperV.PowerShell.VMConnectAce"] = [new("VMName"), new("UserName"), new("UserId"), new("Access")],
        ["Microsoft.HyperV.PowerShell.VMSecurity"] = [new("VMName"), new("TpmEnabled"), new("Shielded")],
        ["Microsoft.HyperV.PowerShell.VMVideo"] = [new("VMName"), new("ResolutionType"), new("HorizontalResolution"), new("VerticalResolution")],
        ["Microsoft.HyperV.PowerShell.VMHostSupportedVersion"] = [new("Name"), new("Version"), new("IsDefault")],
        ["Microsoft.HyperV.PowerShell.VMBios"] = [new("VMName"), new("StartupOrder"), new("NumLockEnabled")],
        ["Microsoft.HyperV.PowerShell.VMComPort"] = [new("VMName"), new("Name"), new("Path")],
        ["Microsoft.HyperV.PowerShell.VMIntegrationComponent"] =
            [new("VMName"), new("Name"), new("Enabled"), new("PrimaryStatusDescription"), new("SecondaryStatusDescription")],

        // Migration.
        ["Microsoft.HyperV.PowerShell.VMMigrationNetwork"] = [new("Subnet"), new("Priority", "Priority", RightAligned: true)],

        // Metering and pools.
        ["Microsoft.HyperV.PowerShell.VMMeteringReportForVirtualMachine"] =
        [
            new("VMName"), new("AvgCPU(MHz)", "AvgCPU", RightAligned: true), new("AvgRAM(M)", "AvgRAM", RightAligned: true),
            new("MaxRAM(M)", "MaxRAM", RightAligned: true), new("MinRAM(M)", "MinRAM", RightAligned: true), new("TotalDisk(M)", "TotalDisk", RightAligned: true),
            new("NetworkInbound(M)", "NetworkInbound", RightAligned: true), new("NetworkOutbound(M)", "NetworkOutbound", RightAligned: true),
        ],
        ["Microsoft.HyperV.PowerShell.VMMeteringReportForResourcePool"] =
        [
            new("Name", "ResourcePoolName"), new("ResourcePoolType"), new("AvgCPU(MHz)", "AvgCPU", RightAligned: true), new("AvgRAM(M)", "AvgRAM", RightAligned: true),
            new("TotalDisk(M)", "TotalDisk", RightAligned: true), new("NetworkInbound(M)", "NetworkInbound", RightAligned: true),
            new("NetworkOutbound(M)", "NetworkOutbound", RightAligned: true),
        ],
        ["Microsoft.HyperV.PowerShell.VMResourcePool"] = [new("Name"), new("ResourcePoolType"), new("ParentName"), new("ResourceMeteringEnabled")],
    };
}
