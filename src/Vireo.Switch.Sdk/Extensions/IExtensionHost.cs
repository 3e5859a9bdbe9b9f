namespace Vireo.Switch.Sdk;

/// <summary>The switch as an extension uses it. Every member may be called from any thread.</summary>
public interface IExtensionHost
{
    /// <summary>Key of the switch.</summary>
    Guid SwitchId { get; }

    /// <summary>Its name.</summary>
    string SwitchName { get; }

    /// <summary>Its ports, replaced as a whole when one comes or goes.</summary>
    IReadOnlyList<SwitchPort> Ports { get; }

    /// <summary>The switch's clock.</summary>
    TimeProvider Clock { get; }

    /// <summary>
    /// Sends a frame of the extension's own. It does not pass this extension: into the switch it goes on behind it and is looked up, out of the
    /// switch it goes on to <paramref name="port"/>.
    /// </summary>
    /// <param name="port">The port that it is to come from, or to go to.</param>
    /// <param name="direction">Into the switch, or out of it.</param>
    /// <param name="frame">Ethernet header and payload, without check sequence; copied.</param>
    /// <param name="vlan">VLAN inside the switch, zero for none.</param>
    /// <returns>False when the port is gone, too many frames wait, or the frame is too short or too long.</returns>
    bool Inject(SwitchPort port, StageDirection direction, ReadOnlySpan<byte> frame, ushort vlan = 0);

    /// <summary>Has <see cref="SwitchExtension.OnTimer"/> called every <paramref name="period"/>, at least 10 ms; zero ends it.</summary>
    void SetTimer(TimeSpan period);

    /// <summary>Tells the administrator something; it is kept with the events of the host.</summary>
    void Report(string message);
}
