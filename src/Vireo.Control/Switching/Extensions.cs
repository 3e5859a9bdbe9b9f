using System.Text.Json;

namespace Vireo.Control.Switching;

/// <summary>What an extension does with frames.</summary>
public enum SwitchExtensionKind
{
    /// <summary>Looks at frames.</summary>
    Capture,

    /// <summary>Drops, changes and injects frames.</summary>
    Filter,

    /// <summary>Says where frames go.</summary>
    Forwarding,

    /// <summary>Decides about conversations.</summary>
    Firewall,
}

/// <summary>Settings of an extension.</summary>
/// <param name="ExtensionId">The extension.</param>
/// <param name="FeatureId">Which of its groups of settings.</param>
/// <param name="Settings">The settings, an object.</param>
public sealed record ExtensionFeatureSpecification(Guid ExtensionId, Guid FeatureId, JsonElement Settings);

/// <summary>An extension of a switch; those of a list stand in its order, from the ports towards the lookup.</summary>
/// <param name="ExtensionId">Which one.</param>
/// <param name="Enabled">Whether frames pass it.</param>
/// <param name="Features">What is set for the switch.</param>
public sealed record SwitchExtensionSpecification(Guid ExtensionId, bool Enabled, IReadOnlyList<ExtensionFeatureSpecification>? Features = null);

/// <summary>A group of settings, or of data, that an extension declares.</summary>
/// <param name="Id">Key.</param>
/// <param name="Name">For people.</param>
/// <param name="IsPort">It belongs to a port, not to the switch.</param>
/// <param name="Default">Settings as they are when nothing is said; null for data.</param>
public sealed record ExtensionFeatureInfo(Guid Id, string Name, bool IsPort, JsonElement? Default);

/// <summary>An installed extension.</summary>
/// <param name="Id">Key; the same for all versions.</param>
/// <param name="Name">For people.</param>
/// <param name="Vendor">Who makes it.</param>
/// <param name="Version">Semantic version.</param>
/// <param name="Kind">What it does with frames.</param>
/// <param name="FailsClosed">While it is enabled and does not work, no frame passes.</param>
/// <param name="Description">One sentence.</param>
/// <param name="Features">Settings.</param>
/// <param name="Data">What it tells while it runs.</param>
/// <param name="Fault">Why it cannot be used; null when it can.</param>
public sealed record InstalledExtension(
    Guid Id, string Name, string Vendor, string Version, SwitchExtensionKind Kind, bool FailsClosed, string Description,
    IReadOnlyList<ExtensionFeatureInfo> Features, IReadOnlyList<ExtensionFeatureInfo> Data, string? Fault = null);

/// <summary>Installs an extension, or a new version of one.</summary>
/// <param name="Path">Folder with the manifest; its files are copied.</param>
public sealed record InstallExtension(string Path);

/// <summary>What an extension has done on a switch since it was started there.</summary>
/// <param name="Frames">Frames that it saw; one that is flooded counts for every port.</param>
/// <param name="Dropped">Frames that it dropped.</param>
/// <param name="Injected">Frames of its own.</param>
/// <param name="Skipped">Frames that it did not see because its time was used up, or because it does not work.</param>
/// <param name="Nanoseconds">Time on the packet thread.</param>
/// <param name="AllocatedBytes">Memory that it asked for there.</param>
public sealed record ExtensionStatistics(long Frames, long Dropped, long Injected, long Skipped, long Nanoseconds, long AllocatedBytes);

/// <summary>An extension on a switch as it is now.</summary>
/// <param name="ExtensionId">Which one.</param>
/// <param name="Version">The version that runs; null when none does.</param>
/// <param name="Enabled">What was asked.</param>
/// <param name="Running">Frames pass it.</param>
/// <param name="Statistics">What it has done.</param>
/// <param name="Fault">Why it does not run although it is enabled.</param>
public sealed record SwitchExtensionStatus(Guid ExtensionId, string? Version, bool Enabled, bool Running, ExtensionStatistics Statistics, string? Fault = null);

/// <summary>Data that an extension tells about a switch or a port.</summary>
/// <param name="ExtensionId">Which extension.</param>
/// <param name="FeatureId">Which data.</param>
/// <param name="Name">For people.</param>
/// <param name="Data">An object.</param>
public sealed record ExtensionDataItem(Guid ExtensionId, Guid FeatureId, string Name, JsonElement Data);

/// <summary>Something that extensions did, or that was done to them.</summary>
/// <param name="Sequence">Grows by one with each; begins anew when the plane starts.</param>
/// <param name="Time">When.</param>
/// <param name="Kind"><c>ExtensionStarted</c>, <c>ExtensionStopped</c>, <c>ExtensionFailed</c>, <c>ExtensionReport</c>, <c>ExtensionNotUnloaded</c>, ...</param>
/// <param name="SwitchId">The switch, if it is about one.</param>
/// <param name="ExtensionId">The extension.</param>
/// <param name="Message">A sentence.</param>
public sealed record ExtensionEvent(long Sequence, DateTimeOffset Time, string Kind, Guid? SwitchId, Guid ExtensionId, string Message);

/// <summary>What happens to whoever is behind a port.</summary>
public enum PortNoticeKind
{
    /// <summary>The machine starts; extensions may refuse.</summary>
    MachineStarting,

    /// <summary>The machine ended.</summary>
    MachineStopped,

    /// <summary>The machine moves to another host; extensions may refuse.</summary>
    MachineMigrating,

    /// <summary>The machine arrived from another host.</summary>
    MachineMigrated,

    /// <summary>The machine is deleted; extensions may refuse.</summary>
    MachineDeleting,
}

/// <summary>Tells the extensions of a port's switch what happens to whoever is behind it.</summary>
/// <param name="Kind">What.</param>
public sealed record PortNotice(PortNoticeKind Kind);

/// <summary>What an extension keeps of a port.</summary>
/// <param name="ExtensionId">Which extension.</param>
/// <param name="Entries">Bytes by name.</param>
public sealed record ExtensionPortState(Guid ExtensionId, IReadOnlyDictionary<string, byte[]> Entries);
