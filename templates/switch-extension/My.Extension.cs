using System.Text.Json.Serialization;
using Vireo.Switch.Sdk;

#if (IsCapture)
/// <summary>Counts frames and bytes that enter the switch, without those of one EtherType.</summary>
public sealed class My_Extension : CaptureExtension
{
    private readonly SwitchFeature<Settings> _settings = new(new Guid("5d2f5c0e-6f0b-4e52-9a3a-0f6f1b3f8a02"), "My.Extension", ExtensionJson.Default.Settings);
    private long _frames;
    private long _bytes;

    protected override void Declare(FeatureSet features)
    {
        features.Add(_settings);
        features.AddData(
            new Guid("5d2f5c0e-6f0b-4e52-9a3a-0f6f1b3f8a03"), "Counts", FeatureScope.Switch, ExtensionJson.Default.Counts,
            _ => new Counts { Frames = Volatile.Read(ref _frames), Bytes = Volatile.Read(ref _bytes) });
    }

    // On the packet thread: no allocation, no lock, no waiting.
    protected override void Capture(in FrameView frame)
    {
        if (frame.Direction == StageDirection.Ingress && frame.EtherType != _settings.Value?.IgnoredEtherType)
        {
            _frames++;
            _bytes += frame.Length;
        }
    }
}

/// <summary>What scripts set.</summary>
public sealed class Settings
{
    /// <summary>Frames of this type are not counted; null for none.</summary>
    public ushort? IgnoredEtherType { get; set; }
}

/// <summary>What scripts read.</summary>
public sealed class Counts
{
    public long Frames { get; set; }

    public long Bytes { get; set; }
}

[JsonSerializable(typeof(Settings))]
[JsonSerializable(typeof(Counts))]
internal sealed partial class ExtensionJson : JsonSerializerContext;
#elif (IsFilter)
/// <summary>Drops the frames of the EtherTypes that its settings name.</summary>
public sealed class My_Extension : FilterExtension
{
    private static readonly DropReason s_unwanted = DropReason.Register("My_Extension");
    private static readonly Settings s_default = new();
    private readonly SwitchFeature<Settings> _settings = new(new Guid("5d2f5c0e-6f0b-4e52-9a3a-0f6f1b3f8a02"), "My.Extension", ExtensionJson.Default.Settings);

    protected override void Declare(FeatureSet features) => features.Add(_settings);

    // On the packet thread: no allocation, no lock, no waiting.
    protected override DropReason Filter(MutableFrame frame) =>
        Array.IndexOf((_settings.Value ?? s_default).DroppedEtherTypes, frame.View.EtherType) >= 0 ? s_unwanted : DropReason.None;
}

/// <summary>What scripts set.</summary>
public sealed class Settings
{
    /// <summary>Frames of these types are dropped; to begin with, those of the loopback test.</summary>
    public ushort[] DroppedEtherTypes { get; set; } = [0x9000];
}

[JsonSerializable(typeof(Settings))]
internal sealed partial class ExtensionJson : JsonSerializerContext;
#elif (IsFirewall)
/// <summary>Lets nobody begin a TCP conversation with the ports that its settings name; what is behind a switch port may begin any.</summary>
public sealed class My_Extension : FirewallExtension
{
    private static readonly Settings s_default = new();
    private readonly SwitchFeature<Settings> _settings = new(new Guid("5d2f5c0e-6f0b-4e52-9a3a-0f6f1b3f8a02"), "My.Extension", ExtensionJson.Default.Settings);

    protected override void Declare(FeatureSet features) => features.Add(_settings);

    protected override string? OnChanging(StateChange change) =>
        change.Settings is Settings asked && Array.IndexOf(asked.ClosedPorts, (ushort)0) >= 0 ? "zero is no port." : null;

    // On the packet thread, once for each conversation: no lock, no waiting.
    protected override bool Allow(in Connection connection) =>
        connection.Protocol != 6 || !connection.IsInbound || Array.IndexOf((_settings.Value ?? s_default).ClosedPorts, connection.LocalPort) < 0;
}

/// <summary>What scripts set.</summary>
public sealed class Settings
{
    /// <summary>TCP ports that nobody reaches; to begin with, telnet.</summary>
    public ushort[] ClosedPorts { get; set; } = [23];
}

[JsonSerializable(typeof(Settings))]
internal sealed partial class ExtensionJson : JsonSerializerContext;
#else
/// <summary>A hub: every frame goes to every other port, or is left to the switch where its settings say so.</summary>
public sealed class My_Extension : ForwardingExtension
{
    private readonly SwitchFeature<Settings> _settings = new(new Guid("5d2f5c0e-6f0b-4e52-9a3a-0f6f1b3f8a02"), "My.Extension", ExtensionJson.Default.Settings);

    protected override void Declare(FeatureSet features) => features.Add(_settings);

    // On the packet thread: no allocation, no lock, no waiting.
    protected override void Forward(MutableFrame frame, ref Destinations destinations)
    {
        if (_settings.Value is { IsSwitch: true })
        {
            destinations.Normal();
        }
        else
        {
            destinations.Flood();
        }
    }
}

/// <summary>What scripts set.</summary>
public sealed class Settings
{
    /// <summary>The switch decides, as if this extension were not there.</summary>
    public bool IsSwitch { get; set; }
}

[JsonSerializable(typeof(Settings))]
internal sealed partial class ExtensionJson : JsonSerializerContext;
#endif
