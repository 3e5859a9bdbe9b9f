using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Control.Switching;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Extensions, their settings and their data as objects of the model.</summary>
internal sealed class ExtensionMapper
{
    private readonly IReadOnlyList<InstalledExtension> _installed;
    private readonly string _host;

    private ExtensionMapper(IReadOnlyList<InstalledExtension> installed, string host)
    {
        _installed = installed;
        _host = host;
    }

    /// <summary>With what is installed now.</summary>
    public static async Task<ExtensionMapper> CreateAsync(CommandContext context) =>
        new(await context.Service<ISwitches>().ExtensionsAsync(context.Cancellation), context.Service<IHostSettings>().Facts.Name);

    /// <summary>Installed extensions whose names fit; all without names.</summary>
    /// <exception cref="CommandException">None has a name that is no pattern.</exception>
    public IReadOnlyList<InstalledExtension> Find(string[]? names)
    {
        foreach (var name in names ?? [])
        {
            if (!Wildcard.IsPattern(name) && !_installed.Any(one => Fits(one, name)))
            {
                throw Errors.Invalid($"There is no extension named '{name}' on this host; 'Get-VMSystemSwitchExtension' lists those that are installed.", name);
            }
        }

        return [.. _installed.Where(one => names is null || names.Any(name => Fits(one, name)))];
    }

    /// <summary>The name of an extension, or its id when it is not installed.</summary>
    public string NameOf(Guid extension) => _installed.FirstOrDefault(one => one.Id == extension)?.Name ?? extension.ToString("D");

    /// <summary>Whether an extension is among those that the parameters of a command name.</summary>
    public bool IsAmong(Guid extension, VMSwitchExtension[]? objects, string[]? names) =>
        (objects is null || objects.Any(one => one.Id == extension)) && (names is null || names.Any(name => Wildcard.Matches(name, NameOf(extension))));

    /// <summary>An installed extension.</summary>
    public VMSystemSwitchExtension System(InstalledExtension one) => new()
    {
        ComputerName = _host,
        Id = one.Id,
        Name = one.Name,
        Vendor = one.Vendor,
        Version = one.Version,
        ExtensionType = TypeOf(one.Kind),
        Description = one.Description,
        FailsClosed = one.FailsClosed,
        Fault = one.Fault ?? "",
    };

    /// <summary>Every installed extension as it is on a switch: in its order, then those that were never enabled there.</summary>
    public async Task<IReadOnlyList<VMSwitchExtension>> OnSwitchAsync(SwitchConfiguration on, CommandContext context)
    {
        var status = await context.Service<ISwitches>().ExtensionStatusAsync(on.Id, context.Cancellation);
        var listed = on.Extensions.Select(one => one.ExtensionId).ToList();
        var all = listed.Concat(_installed.Select(one => one.Id).Where(id => !listed.Contains(id)));
        return [.. all.Select((id, index) => Extension(on, id, index + 1, status.FirstOrDefault(one => one.ExtensionId == id)))];
    }

    /// <summary>The name of a group of settings or data.</summary>
    public string FeatureName(Guid extension, Guid feature) =>
        _installed.FirstOrDefault(one => one.Id == extension)?.Features.FirstOrDefault(one => one.Id == feature)?.Name ?? feature.ToString("D");

    /// <summary>The settings that an extension offers, with their defaults.</summary>
    public IEnumerable<VMSwitchExtensionSwitchFeature> SwitchTemplates(InstalledExtension extension) => extension.Features.Where(one => !one.IsPort)
        .Select(one => Fill(new VMSwitchExtensionSwitchFeature { SettingData = ExtensionSettings.Of(one.Default!.Value) }, extension.Id, one.Id, null));

    /// <summary>The same for ports.</summary>
    public IEnumerable<VMSwitchExtensionPortFeature> PortTemplates(InstalledExtension extension) => extension.Features.Where(one => one.IsPort)
        .Select(one => Fill(new VMSwitchExtensionPortFeature { SettingData = ExtensionSettings.Of(one.Default!.Value) }, extension.Id, one.Id, null));

    /// <summary>Settings of a switch.</summary>
    public VMSwitchExtensionSwitchFeature Feature(SwitchConfiguration on, ExtensionFeatureConfiguration one) =>
        Fill(new VMSwitchExtensionSwitchFeature { SettingData = Parse(one.Settings) }, one.ExtensionId, one.FeatureId, on);

    /// <summary>Settings of a port.</summary>
    public VMSwitchExtensionPortFeature Feature(FeatureTarget target, ExtensionFeatureConfiguration one) => Fill(
        new VMSwitchExtensionPortFeature
        {
            SettingData = Parse(one.Settings),
            VMName = target.Adapter?.Machine?.Name ?? "",
            VMId = target.Adapter?.Machine?.Id ?? Guid.Empty,
            VMNetworkAdapterName = target.Adapter?.Name ?? "",
            AdapterId = target.Adapter is not { } adapter ? ""
                : adapter.Machine is null ? $"Microsoft:{adapter.Id.ToString("D").ToUpperInvariant()}" : VMComponentObject.MakeId(adapter.Machine.Id, adapter.Id.ToString("D")),
            IsManagementOs = target.Adapter is { Machine: null },
            IsExternalPort = target.Adapter is null,
        },
        one.ExtensionId, one.FeatureId, target.Switch);

    /// <summary>What an extension tells about a switch.</summary>
    public VMSwitchExtensionSwitchData Data(SwitchConfiguration on, ExtensionDataItem item)
    {
        var data = Fill(new VMSwitchExtensionSwitchData { Data = ExtensionSettings.Of(item.Data) }, item.ExtensionId, item.FeatureId, on);
        data.Name = item.Name;
        return data;
    }

    /// <summary>What an extension tells about a port.</summary>
    public VMSwitchExtensionPortData Data(FeatureTarget target, ExtensionDataItem item)
    {
        var data = Fill(
            new VMSwitchExtensionPortData { Data = ExtensionSettings.Of(item.Data), VMName = target.Adapter?.Machine?.Name ?? "", VMNetworkAdapterName = target.Adapter?.Name ?? "" },
            item.ExtensionId, item.FeatureId, target.Switch);
        data.Name = item.Name;
        return data;
    }

    private static bool Fits(InstalledExtension one, string name) => Wildcard.Matches(name, one.Name);

    private static VMSwitchExtensionType TypeOf(SwitchExtensionKind kind) => kind switch
    {
        SwitchExtensionKind.Capture => VMSwitchExtensionType.Capture,
        SwitchExtensionKind.Forwarding => VMSwitchExtensionType.Forwarding,
        _ => VMSwitchExtensionType.Filter,
    };

    private static ExtensionSettings Parse(string json) => ExtensionSettings.Of(global::System.Text.Json.JsonDocument.Parse(json).RootElement);

    private VMSwitchExtension Extension(SwitchConfiguration on, Guid id, int order, SwitchExtensionStatus? status)
    {
        var installed = _installed.FirstOrDefault(one => one.Id == id);
        return new VMSwitchExtension
        {
            ComputerName = _host,
            Id = id,
            Name = NameOf(id),
            Vendor = installed?.Vendor ?? "",
            Version = status?.Version ?? installed?.Version ?? "",
            ExtensionType = installed is null ? VMSwitchExtensionType.Unknown : TypeOf(installed.Kind),
            SwitchId = on.Id,
            SwitchName = on.Name,
            Order = order,
            Enabled = on.Extensions.Any(one => one.ExtensionId == id && one.Enabled),
            Running = status?.Running ?? false,
            Fault = status?.Fault ?? installed?.Fault ?? "",
            Frames = status?.Statistics.Frames ?? 0,
            DroppedFrames = status?.Statistics.Dropped ?? 0,
            InjectedFrames = status?.Statistics.Injected ?? 0,
            SkippedFrames = status?.Statistics.Skipped ?? 0,
            ProcessingTime = TimeSpan.FromMicroseconds((status?.Statistics.Nanoseconds ?? 0) / 1000.0),
            AllocatedBytes = status?.Statistics.AllocatedBytes ?? 0,
        };
    }

    private T Fill<T>(T feature, Guid extension, Guid id, SwitchConfiguration? on)
        where T : VMSwitchExtensionFeature
    {
        feature.ComputerName = _host;
        feature.Id = id;
        feature.Name = FeatureName(extension, id);
        feature.ExtensionId = extension;
        feature.ExtensionName = NameOf(extension);
        feature.SwitchId = on?.Id ?? Guid.Empty;
        feature.SwitchName = on?.Name ?? "";
        return feature;
    }
}

/// <summary>A port whose settings of extensions are read or changed.</summary>
/// <param name="Adapter">Its adapter; null for the uplink.</param>
/// <param name="Switch">Its switch, if it is on one.</param>
internal sealed record FeatureTarget(AdapterTarget? Adapter, SwitchConfiguration? Switch)
{
    /// <summary>What is set.</summary>
    public IReadOnlyList<ExtensionFeatureConfiguration> Features => Adapter?.Policy.ExtensionFeatures ?? Switch!.ExternalPortFeatures;

    /// <summary>Key of the port.</summary>
    public Guid PortId => Adapter?.Id ?? Switch!.Id;

    /// <summary>For questions and messages.</summary>
    public string FullName => Adapter?.FullName ?? Switch!.Name;
}
