using Vireo.Control.Switching;
using Vireo.Switch.Acls;
using Vireo.Switch.Inspection;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tracing;

namespace Vireo.Switch.Stages;

/// <summary>
/// Access rules by addresses, protocol and ports: the greatest weight that fits decides. A stateful rule lets the answers of what it let pass
/// in, whatever the other rules say, until the conversation has been idle for long enough. Frames other than IP are none of its business.
/// </summary>
internal sealed class ExtendedAclStage : IFlowStage, IExplainingStage
{
    public const string StageName = "ExtendedAcl";

    /// <summary>How many conversations a port can have at a time.</summary>
    public const int Conversations = 4096;

    private static readonly DropReason s_denied = DropReason.Register("ExtendedAclDenied");
    private readonly ExtendedRule[] _outbound;
    private readonly ExtendedRule[] _inbound;
    private readonly TimeProvider _clock;

    /// <summary>Compiles valid rules.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="flows">Conversations that were let through before, or an empty table.</param>
    /// <param name="clock">For idle times.</param>
    public ExtendedAclStage(IReadOnlyList<ExtendedAclSpecification> rules, Func<FlowTable> flows, TimeProvider clock)
    {
        ExtendedRule[] Of(PortAclDirection direction) =>
            [.. rules.Where(rule => rule.Direction == direction).OrderByDescending(rule => rule.Weight).Select(rule => new ExtendedRule(rule))];
        _outbound = Of(PortAclDirection.Outbound);
        _inbound = Of(PortAclDirection.Inbound);
        _clock = clock;
        Flows = rules.Any(rule => rule.Stateful) ? flows() : null;
    }

    public string Name => StageName;

    public HeaderDepth Needs => HeaderDepth.Network;

    /// <summary>Conversations whose answers may pass; null without a stateful rule.</summary>
    public FlowTable? Flows { get; }

    /// <summary>A conversation that is let through is noted, or noted again, at least once a second by the frame that goes the long way.</summary>
    public bool Remember(FrameBatch batch, int index, StageDirection direction, ref FlowEntry entry) => true;

    public void Process(FrameBatch batch, StageDirection direction)
    {
        var now = Clock.Seconds(_clock);
        foreach (var index in batch.Live)
        {
            if (Transport.HidesHeader(batch[index].Headers))
            {
                batch.Drop(index, DropReason.Malformed);
            }
            else if (Transport.TryReadAddresses(batch, index, out var source, out var destination))
            {
                if (Transport.IsDisguised(batch[index].Headers.Network, source, destination))
                {
                    batch.Drop(index, DropReason.Malformed);
                }
                else if (!Allows(batch, index, direction, source, destination, now))
                {
                    batch.Drop(index, s_denied);
                }
            }
        }
    }

    public string? Explain(FrameBatch batch, int index, StageDirection direction)
    {
        if (batch[index].Verdict != s_denied || !Transport.TryReadAddresses(batch, index, out var source, out var destination))
        {
            return null;
        }

        var flow = FlowOf(batch, index, direction, source, destination, out var hasPorts);
        var rule = Array.Find(direction == StageDirection.Ingress ? _outbound : _inbound, rule => rule.Fits(flow, hasPorts))?.Asked;
        return rule is null
            ? null
            : $"weight {rule.Weight} Deny {rule.Direction} {rule.Protocol ?? "ANY"} local {rule.LocalAddress ?? "ANY"} port {rule.LocalPort ?? "ANY"} remote {rule.RemoteAddress ?? "ANY"} port {rule.RemotePort ?? "ANY"}";
    }

    private static Flow FlowOf(FrameBatch batch, int index, StageDirection direction, UInt128 source, UInt128 destination, out bool hasPorts)
    {
        hasPorts = Transport.TryReadPorts(batch, index, out var sourcePort, out var destinationPort);
        var protocol = batch[index].Headers.TransportProtocol;
        return direction == StageDirection.Ingress
            ? new Flow(source, destination, sourcePort, destinationPort, protocol)
            : new Flow(destination, source, destinationPort, sourcePort, protocol);
    }

    private bool Allows(FrameBatch batch, int index, StageDirection direction, UInt128 source, UInt128 destination, uint now)
    {
        var isOutbound = direction == StageDirection.Ingress;
        var flow = FlowOf(batch, index, direction, source, destination, out var hasPorts);
        if (Flows?.Touch(flow, now) == true)
        {
            return true;
        }

        foreach (var rule in isOutbound ? _outbound : _inbound)
        {
            if (!rule.Fits(flow, hasPorts))
            {
                continue;
            }

            if (rule.Asked.Stateful)
            {
                Flows!.Note(flow, rule.IdleSeconds, now);
            }

            return rule.Asked.Allow;
        }

        return true;
    }
}
