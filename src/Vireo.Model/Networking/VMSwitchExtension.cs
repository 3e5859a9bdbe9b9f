namespace Microsoft.HyperV.PowerShell;

/// <summary>What an extension does with frames.</summary>
public enum VMSwitchExtensionType
{
    /// <summary>Unknown.</summary>
    Unknown = 0,

    /// <summary>Looks at frames.</summary>
    Capture = 1,

    /// <summary>Drops, changes and injects frames, or decides about conversations.</summary>
    Filter = 2,

    /// <summary>Says where frames go.</summary>
    Forwarding = 3,
}

/// <summary>An extension that is installed on a host.</summary>
public sealed class VMSystemSwitchExtension : VirtualizationObject
{
    /// <summary>Identity, the same for all versions.</summary>
    public Guid Id { get; set; }

    /// <summary>Name.</summary>
    public string Name { get; set; } = "";

    /// <summary>Who makes it.</summary>
    public string Vendor { get; set; } = "";

    /// <summary>Version.</summary>
    public string Version { get; set; } = "";

    /// <summary>What it does with frames.</summary>
    public VMSwitchExtensionType ExtensionType { get; set; }

    /// <summary>One sentence.</summary>
    public string Description { get; set; } = "";

    /// <summary>While it is enabled and does not work, no frame passes.</summary>
    public bool FailsClosed { get; set; }

    /// <summary>Why it cannot be used; empty when it can.</summary>
    public string Fault { get; set; } = "";

    /// <inheritdoc/>
    public override string ToString() => $"VMSystemSwitchExtension (Name = '{Name}') [Id = '{Id}']";
}

/// <summary>An extension on a switch.</summary>
public sealed class VMSwitchExtension : VirtualizationObject
{
    /// <summary>Identity of the extension.</summary>
    public Guid Id { get; set; }

    /// <summary>Name.</summary>
    public string Name { get; set; } = "";

    /// <summary>Who makes it.</summary>
    public string Vendor { get; set; } = "";

    /// <summary>Version that is installed.</summary>
    public string Version { get; set; } = "";

    /// <summary>What it does with frames.</summary>
    public VMSwitchExtensionType ExtensionType { get; set; }

    /// <summary>The switch.</summary>
    public Guid SwitchId { get; set; }

    /// <summary>Its name.</summary>
    public string SwitchName { get; set; } = "";

    /// <summary>Place among the extensions of the switch, from 1; ports are before the first, the lookup is behind the last.</summary>
    public int Order { get; set; }

    /// <summary>It was enabled.</summary>
    public bool Enabled { get; set; }

    /// <summary>Frames pass it.</summary>
    public bool Running { get; set; }

    /// <summary>Why it does not run although it is enabled; empty otherwise.</summary>
    public string Fault { get; set; } = "";

    /// <summary>Frames that it has seen; one that is flooded counts for every port.</summary>
    public long Frames { get; set; }

    /// <summary>Frames that it has dropped.</summary>
    public long DroppedFrames { get; set; }

    /// <summary>Frames of its own.</summary>
    public long InjectedFrames { get; set; }

    /// <summary>Frames that passed without it because its time was used up or it did not work.</summary>
    public long SkippedFrames { get; set; }

    /// <summary>Time that it took on packet threads.</summary>
    public TimeSpan ProcessingTime { get; set; }

    /// <summary>Bytes of memory that it asked for there.</summary>
    public long AllocatedBytes { get; set; }

    /// <inheritdoc/>
    public override string ToString() => $"VMSwitchExtension (Name = '{Name}') [Id = '{Id}', SwitchName = '{SwitchName}']";
}

/// <summary>A group of settings or data of an extension.</summary>
public abstract class VMSwitchExtensionFeature : VirtualizationObject
{
    /// <summary>Identity of the group.</summary>
    public Guid Id { get; set; }

    /// <summary>Name.</summary>
    public string Name { get; set; } = "";

    /// <summary>The extension.</summary>
    public Guid ExtensionId { get; set; }

    /// <summary>Its name.</summary>
    public string ExtensionName { get; set; } = "";

    /// <summary>The switch; empty for a template.</summary>
    public Guid SwitchId { get; set; }

    /// <summary>Its name.</summary>
    public string SwitchName { get; set; } = "";
}

/// <summary>Settings of an extension for a switch. One that Get-VMSystemSwitchExtensionSwitchFeature writes is a template with the defaults.</summary>
public sealed class VMSwitchExtensionSwitchFeature : VMSwitchExtensionFeature
{
    /// <summary>The settings.</summary>
    public ExtensionSettings SettingData { get; set; } = [];
}

/// <summary>Settings of an extension for a port. One that Get-VMSystemSwitchExtensionPortFeature writes is a template with the defaults.</summary>
public sealed class VMSwitchExtensionPortFeature : VMSwitchExtensionFeature
{
    /// <summary>The settings.</summary>
    public ExtensionSettings SettingData { get; set; } = [];

    /// <summary>Name of the machine.</summary>
    public string VMName { get; set; } = "";

    /// <summary>The machine.</summary>
    public Guid VMId { get; set; }

    /// <summary>Name of the adapter.</summary>
    public string VMNetworkAdapterName { get; set; } = "";

    /// <summary>Identity of the adapter, as its object has it.</summary>
    public string AdapterId { get; set; } = "";

    /// <summary>The adapter belongs to the management operating system.</summary>
    public bool IsManagementOs { get; set; }

    /// <summary>The port is the uplink of the switch.</summary>
    public bool IsExternalPort { get; set; }
}

/// <summary>What an extension tells about a switch.</summary>
public sealed class VMSwitchExtensionSwitchData : VMSwitchExtensionFeature
{
    /// <summary>The data.</summary>
    public ExtensionSettings Data { get; set; } = [];
}

/// <summary>What an extension tells about a port.</summary>
public sealed class VMSwitchExtensionPortData : VMSwitchExtensionFeature
{
    /// <summary>The data.</summary>
    public ExtensionSettings Data { get; set; } = [];

    /// <summary>Name of the machine.</summary>
    public string VMName { get; set; } = "";

    /// <summary>Name of the adapter.</summary>
    public string VMNetworkAdapterName { get; set; } = "";
}
