namespace Vireo.Switch.Sdk;

/// <summary>
/// A third party's part of a switch. Derive from <see cref="CaptureExtension"/>, <see cref="FilterExtension"/>,
/// <see cref="ForwardingExtension"/> or <see cref="FirewallExtension"/>, write the one method it asks for, and override here what else you need.
/// Every switch that the extension is enabled on has an instance of its own, made by the constructor without parameters.
/// </summary>
/// <remarks>
/// <para>
/// Threads: the method that sees frames runs on a packet thread, never on two at once for one instance. It takes no lock, waits for nothing and
/// should allocate nothing: while it runs no frame moves. Everything else runs elsewhere, one call at a time, while frames go on; what both
/// sides share is best kept in an immutable object that is replaced as a whole.
/// </para>
/// <para>
/// An extension that throws, or does not come back, is cut off and reported; frames then pass as if it were not there, or are dropped if
/// its manifest says that it fails closed.
/// </para>
/// </remarks>
public abstract class SwitchExtension
{
    private IExtensionHost? _host;

    private protected SwitchExtension()
    {
    }

    /// <summary>How deep frames must be parsed before this extension sees them.</summary>
    public virtual HeaderDepth Needs => HeaderDepth.Network;

    /// <summary>What it does with frames.</summary>
    internal abstract ExtensionKind Kind { get; }

    /// <summary>The switch, its ports and what can be asked of it. Not to be used in the constructor.</summary>
    /// <exception cref="InvalidOperationException">The extension is not part of a switch yet.</exception>
    protected IExtensionHost Host => _host ?? throw new InvalidOperationException("The extension is not part of a switch yet; use OnStart instead of the constructor.");

    /// <summary>Declares the settings and data that scripts see. Called once, also on an instance that is never started.</summary>
    /// <param name="features">Where to declare them.</param>
    protected internal virtual void Declare(FeatureSet features)
    {
    }

    /// <summary>The extension becomes part of a switch: settings are in place, ports are known, no frame has come yet.</summary>
    protected internal virtual void OnStart()
    {
    }

    /// <summary>No frame comes any more. Threads, sockets and handlers that outlive this call keep the old version in memory.</summary>
    protected internal virtual void OnStop()
    {
    }

    /// <summary>Settings of the switch or, where <paramref name="port"/> is not null, of a port have changed and are in force.</summary>
    protected internal virtual void OnSettings(SwitchPort? port)
    {
    }

    /// <summary>Something is about to happen.</summary>
    /// <returns>Null to agree, or the reason, a sentence for the administrator, why it must not.</returns>
    protected internal virtual string? OnChanging(StateChange change) => null;

    /// <summary>Something has happened.</summary>
    protected internal virtual void OnChanged(StateChange change)
    {
    }

    /// <summary>The time of <see cref="IExtensionHost.SetTimer"/> has come.</summary>
    protected internal virtual void OnTimer()
    {
    }

    /// <summary>
    /// Puts into <paramref name="state"/> what a port's new place must know: the port is about to migrate, or a new version of the extension takes
    /// over. Settings go along by themselves.
    /// </summary>
    /// <param name="port">The port, or null for what belongs to the switch (a new version of the extension only).</param>
    /// <param name="state">What is kept; 16 MiB at most.</param>
    protected internal virtual void OnSave(SwitchPort? port, StateBag state)
    {
    }

    /// <summary>Gets back what <see cref="OnSave"/> of this or another version kept. It may come from another host: trust nothing in it.</summary>
    protected internal virtual void OnRestore(SwitchPort? port, StateBag state)
    {
    }

    /// <summary>Makes the extension part of a switch.</summary>
    internal void Attach(IExtensionHost host) => _host = host;

    /// <summary>Lets the extension judge a batch. Forwarding extensions are asked by another method.</summary>
    internal abstract void Process(FrameBatch batch, SwitchPort port, StageDirection direction);
}
