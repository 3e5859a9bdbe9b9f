namespace Vireo.Switch.Sdk;

/// <summary>What stands behind a port.</summary>
public enum SwitchPortKind : byte
{
    /// <summary>A virtual machine's adapter.</summary>
    Guest,

    /// <summary>An adapter of the management operating system.</summary>
    Management,

    /// <summary>The physical network.</summary>
    External,
}

/// <summary>Counters of a port since it was made.</summary>
/// <param name="FramesIn">Frames that came from the port.</param>
/// <param name="BytesIn">Bytes of those.</param>
/// <param name="FramesOut">Frames handed to the port.</param>
/// <param name="BytesOut">Bytes of those.</param>
/// <param name="Dropped">Frames that were not handed on, in either direction.</param>
public readonly record struct PortCounters(long FramesIn, long BytesIn, long FramesOut, long BytesOut, long Dropped);

/// <summary>A port of the switch as one extension sees it. The same object stands for the port as long as it is there.</summary>
public sealed class SwitchPort
{
    private readonly Func<PortCounters> _counters;
    private readonly Func<bool> _isConnected;
    private object?[] _settings = [];

    internal SwitchPort(Guid id, int number, SwitchPortKind kind, string name, MacAddress address, Func<PortCounters> counters, Func<bool> isConnected)
    {
        Id = id;
        Number = number;
        Kind = kind;
        Name = name;
        Address = address;
        _counters = counters;
        _isConnected = isConnected;
    }

    /// <summary>Key of the port: that of the adapter, or of the switch for the way out.</summary>
    public Guid Id { get; }

    /// <summary>A number of its own on this switch, from 1; free again when the port is gone.</summary>
    public int Number { get; }

    /// <summary>What stands behind it.</summary>
    public SwitchPortKind Kind { get; }

    /// <summary>For people: the interface, or the id.</summary>
    public string Name { get; }

    /// <summary>Address of the adapter; zero for the physical network.</summary>
    public MacAddress Address { get; }

    /// <summary>Whether somebody is there.</summary>
    public bool IsConnected => _isConnected();

    /// <summary>Counters as they stand.</summary>
    public PortCounters Counters => _counters();

    /// <summary>Whatever the extension wants to find again with the port.</summary>
    public object? Tag { get; set; }

    /// <summary>Place in the pipeline, or -1 when the port has left the switch.</summary>
    internal int Slot { get; set; } = -1;

    internal object? SettingAt(int index)
    {
        var settings = Volatile.Read(ref _settings);
        return index < settings.Length ? settings[index] : null;
    }

    internal void SetSettings(object?[] settings) => Volatile.Write(ref _settings, settings);
}
