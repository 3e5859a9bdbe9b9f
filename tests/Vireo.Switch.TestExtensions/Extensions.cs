using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.TestExtensions;

/// <summary>Counts frames and sees life-cycle events; refuses what its settings say.</summary>
public sealed class CountingCapture : CaptureExtension
{
    public static readonly Guid SettingsId = new("11111111-0000-0000-0000-000000000001");
    public static readonly Guid PortSettingsId = new("11111111-0000-0000-0000-000000000002");
    public static readonly Guid DataId = new("11111111-0000-0000-0000-000000000003");
    private readonly SwitchFeature<CountingSettings> _settings = new(SettingsId, "Counting", TestJson.Default.CountingSettings);
    private readonly PortFeature<CountingPortSettings> _portSettings = new(PortSettingsId, "Counting of a port", TestJson.Default.CountingPortSettings);
    private readonly List<string> _changes = [];
    private long _frames;
    private long _marked;

    protected override void Declare(FeatureSet features)
    {
        features.Add(_settings);
        features.Add(_portSettings);
        features.AddData(DataId, "Counts", FeatureScope.Switch, TestJson.Default.Counts, _ => new Counts { Frames = _frames, Marked = _marked, Changes = [.. _changes], Limit = _settings.Value?.Limit ?? -1 });
        features.AddData(DataId, "Counts", FeatureScope.Port, TestJson.Default.Counts, port => new Counts { Frames = (port!.Tag as Box)?.Value ?? 0, Limit = _portSettings.Of(port)?.Limit ?? -1 });
    }

    protected override string? OnChanging(StateChange change) =>
        change.Settings is CountingSettings { Limit: > 100 } ? "a limit above 100 is more than it can count."
        : _settings.Value?.Refuses == change.Kind.ToString() ? "its settings say so." : null;

    protected override void OnChanged(StateChange change) => _changes.Add(change.Kind.ToString());

    protected override void OnSave(SwitchPort? port, StateBag state)
    {
        if (port is null)
        {
            state.Set("frames", BitConverter.GetBytes(_frames));
        }
        else
        {
            state.Set("frames", BitConverter.GetBytes((port.Tag as Box)?.Value ?? 0));
        }
    }

    protected override void OnRestore(SwitchPort? port, StateBag state)
    {
        if (state.TryGet("frames", out var bytes) && bytes.Length == 8)
        {
            if (port is null)
            {
                _frames = BitConverter.ToInt64(bytes);
            }
            else
            {
                port.Tag = new Box { Value = BitConverter.ToInt64(bytes) };
            }
        }
    }

    protected override void Capture(in FrameView frame)
    {
        _frames++;
        var box = frame.Port.Tag as Box;
        if (box is null)
        {
            frame.Port.Tag = box = new Box();
        }

        box.Value++;
        if (frame.TryGetUdp(out var datagram) && datagram.DestinationPort == 7777)
        {
            _marked++;
        }
    }

    private sealed class Box
    {
        public long Value;
    }
}

/// <summary>Settings of the switch.</summary>
public sealed class CountingSettings
{
    public int Limit { get; set; } = 10;

    public string? Refuses { get; set; }
}

/// <summary>Settings of a port.</summary>
public sealed class CountingPortSettings
{
    public int Limit { get; set; } = 5;
}

/// <summary>What it tells.</summary>
public sealed class Counts
{
    public long Frames { get; set; }

    public long Marked { get; set; }

    public int Limit { get; set; }

    public string[]? Changes { get; set; }
}

/// <summary>Drops, changes, answers, throws, stalls or hoards, by the EtherType of the frame.</summary>
public sealed class ManyFaced : FilterExtension
{
    private static readonly DropReason s_unwanted = DropReason.Register("Unwanted");
    private static readonly List<byte[]> s_hoard = [];

    protected override DropReason Filter(MutableFrame frame)
    {
        switch (frame.View.EtherType)
        {
            case 0x9001:
                return s_unwanted;
            case 0x9002 when frame.View.Direction == StageDirection.Ingress:
                frame.Write()[14] = 0x5A;
                return DropReason.None;
            case 0x9003 when frame.View.Direction == StageDirection.Ingress:
                Host.Inject(frame.View.Port, StageDirection.Egress, frame.View.Bytes);
                return s_unwanted;
            case 0x9004:
                throw new InvalidOperationException("It was asked to.");
            case 0x9005:
                while (true)
                {
                    // Whoever calls this does not get it back.
                }

            case 0x9006:
                s_hoard.Add(new byte[4 << 20]);
                return DropReason.None;
            case 0x9007:
                Environment.FailFast("It was asked to.");
                return DropReason.None;
            case 0x9008:
                return Descend(frame.View.Length) > 0 ? s_unwanted : DropReason.None;
            case 0x9009:
                Marshal.WriteInt64((nint)0x7000_0000, 1);
                return DropReason.None;
            case 0x900A:
                new Thread(() => throw new InvalidOperationException("Its own thread was asked to.")).Start();
                return DropReason.None;
            default:
                return DropReason.None;
        }
    }

    // Not a tail call: the sum is made on the way back, which never begins.
    private static int Descend(int depth) => Descend(depth + 1) + depth;
}

/// <summary>Sends frames to the port whose number the payload begins with; 0 floods, 255 leaves it to the switch, 254 goes to ports 1 and 2.</summary>
public sealed class ByNumber : ForwardingExtension
{
    private static readonly DropReason s_refused = DropReason.Register("ByNumberRefused");

    protected override void Forward(MutableFrame frame, ref Destinations destinations)
    {
        var number = frame.View.Head[14];
        switch (number)
        {
            case 0:
                destinations.Flood();
                return;
            case 255:
                destinations.Normal();
                return;
            case 253:
                destinations.Drop(s_refused);
                return;
            case 252:
                throw new InvalidOperationException("There is no such port.");
        }

        foreach (var port in Host.Ports)
        {
            if (port.Number == number || (number == 254 && port.Number <= 2))
            {
                destinations.Add(port);
            }
        }
    }
}

/// <summary>Lets nobody in but to TCP port 80 and UDP port 53, and everybody out.</summary>
public sealed class WebOnly : FirewallExtension
{
    protected override bool Allow(in Connection connection) =>
        !connection.IsInbound || (connection.Protocol == 6 && connection.LocalPort == 80) || (connection.Protocol == 17 && connection.LocalPort == 53);
}

/// <summary>Leaves a thread behind, which keeps its code in memory.</summary>
public sealed class Clinging : CaptureExtension
{
    private readonly ManualResetEventSlim _never = new();

    protected override void OnStart() => new Thread(Cling) { IsBackground = true }.Start();

    private void Cling() => _never.Wait();

    protected override void Capture(in FrameView frame)
    {
    }
}

/// <summary>Takes the process with it when it becomes part of a switch.</summary>
public sealed class DiesAtStart : CaptureExtension
{
    protected override void OnStart() => Environment.FailFast("It was made to.");

    protected override void Capture(in FrameView frame)
    {
    }
}

/// <summary>Reports from a timer.</summary>
public sealed class Ticking : CaptureExtension
{
    private int _ticks;

    protected override void OnStart() => Host.SetTimer(TimeSpan.FromMilliseconds(20));

    protected override void OnTimer()
    {
        if (++_ticks == 3)
        {
            Host.Report("Three.");
        }
    }

    protected override void Capture(in FrameView frame)
    {
    }
}

[JsonSerializable(typeof(CountingSettings))]
[JsonSerializable(typeof(CountingPortSettings))]
[JsonSerializable(typeof(Counts))]
internal sealed partial class TestJson : JsonSerializerContext;
