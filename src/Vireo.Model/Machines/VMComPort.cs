namespace Microsoft.HyperV.PowerShell;

/// <summary>A serial port.</summary>
public sealed class VMComPort : VMComponentObject
{
    /// <summary>1 or 2.</summary>
    public int Number { get; set; }

    /// <summary>Unix socket the port is served on; empty when the machine's own run-time socket is used.</summary>
    public string Path { get; set; } = "";

    /// <summary>The port is used by a debugger. Kept for scripts; Linux needs no such mode.</summary>
    public OnOffState DebuggerMode { get; set; } = OnOffState.Off;
}
