using Vireo.Control.Switching;
using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Pipeline;

/// <summary>
/// What holds at a port, compiled and immutable: the control side replaces the whole object with one write, a packet thread reads the
/// reference once per batch.
/// </summary>
internal sealed partial class PortPolicy
{
    private bool _areAboutFlows;

    /// <summary>Makes a policy.</summary>
    /// <param name="stages">From the port towards the switch, with what each was made from.</param>
    /// <param name="vlans">VLANs whose floods reach the port.</param>
    public PortPolicy(IReadOnlyList<CompiledStage> stages, VlanSet vlans)
    {
        Compiled = stages;
        Stages = [.. stages.Select(stage => stage.Stage)];
        Vlans = vlans;
        Depth = stages.Count == 0 ? HeaderDepth.Ethernet : stages.Max(stage => stage.Stage.Needs);
        Ticks = Stages.Any(stage => stage is ITickingStage);
        _areAboutFlows = Array.TrueForAll(Stages, stage => stage is IFlowStage);
    }

    /// <summary>Lets everything through, tagged where it belongs to a VLAN.</summary>
    public static PortPolicy Uplink { get; } = new([], VlanSet.All) { IsTagged = true };

    /// <summary>The stages and where they came from; the next compilation keeps those that did not change.</summary>
    public IReadOnlyList<CompiledStage> Compiled { get; private set; }

    /// <summary>Ingress runs them first to last, egress last to first.</summary>
    public IStage[] Stages { get; private set; }

    /// <summary>VLANs whose floods reach the port.</summary>
    public VlanSet Vlans { get; }

    /// <summary>How deep frames must be parsed for these stages.</summary>
    public HeaderDepth Depth { get; private set; }

    /// <summary>Watching and being watched.</summary>
    public PortMirroring Mirroring { get; init; }

    /// <summary>Broadcast, multicast and unknown frames a second; zero is no limit.</summary>
    public int StormLimit { get; init; }

    /// <summary>Minimum bandwidth as the switch's mode has it, a weight or bits a second; zero is none.</summary>
    public long MinimumBandwidth { get; init; }

    /// <summary>Zero keeps the port at the first packet thread.</summary>
    public int QueueWeight { get; init; } = 100;

    /// <summary>See <see cref="Stages.HoldQueue.TryAdd"/>.</summary>
    public int MarkAboveBytes { get; init; }

    /// <summary>Primary VLAN of a port in private mode, else zero.</summary>
    public ushort PrimaryVlan { get; init; }

    /// <summary>Secondary VLANs that the port names.</summary>
    public IReadOnlyList<ushort> SecondaryVlans { get; init; } = [];

    /// <summary>Whoever is behind the port sees VLAN tags.</summary>
    public bool IsTagged { get; init; }

    /// <summary>Whether a stage acts as time passes.</summary>
    public bool Ticks { get; private set; }

    /// <summary>Whether what holds for a frame holds for all of its conversation.</summary>
    public bool IsAboutFlows => _areAboutFlows && Mirroring != PortMirroring.Source;

    /// <summary>Tells the stages that want to know it their port.</summary>
    public void Attach(PortState port)
    {
        foreach (var stage in Stages)
        {
            (stage as IPortStage)?.Attach(port);
        }
    }
}

/// <summary>A stage in use, and the setting that it was made from.</summary>
/// <param name="Key">Equal keys mean that nothing changed and the stage, with all it remembers, is kept.</param>
/// <param name="Stage">The stage.</param>
internal readonly record struct CompiledStage(string Key, IStage Stage);
