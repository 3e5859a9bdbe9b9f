using System.Numerics;
using Vireo.Control.Switching;
using Vireo.Switch.Acls;
using Vireo.Switch.Inspection;
using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tracing;

namespace Vireo.Switch.Stages;

/// <summary>
/// Access rules by addresses, and meters: of the rules that fit a frame the most specific one decides, of the meters the most specific one
/// counts. What was found for a pair of addresses is remembered, so the rules are walked once for a conversation, not for each frame.
/// </summary>
internal sealed class AclStage : IFlowStage, IExplainingStage
{
    public const string StageName = "Acl";

    private const int RememberedPairs = 256;
    private static readonly DropReason s_denied = DropReason.Register("AclDenied");
    private readonly AclRule[] _rules;
    private readonly AclRule[] _meters;
    private readonly Remembered[] _remembered = new Remembered[RememberedPairs];

    /// <summary>Compiles rules.</summary>
    /// <param name="rules">Valid ones.</param>
    /// <param name="counters">What those of them that are not new have seen.</param>
    public AclStage(IEnumerable<PortAclSpecification> rules, IReadOnlyDictionary<PortAclSpecification, AclCounter> counters)
    {
        Counters = rules.Distinct().ToDictionary(rule => rule, rule => counters.GetValueOrDefault(rule) ?? new AclCounter());
        var compiled = AclRule.Order(Counters.Select(pair => new AclRule(pair.Key, pair.Value))).ToList();
        _rules = [.. compiled.Where(rule => rule.Asked.Action != PortAclAction.Meter)];
        _meters = [.. compiled.Where(rule => rule.Asked.Action == PortAclAction.Meter)];
    }

    public string Name => StageName;

    public HeaderDepth Needs => HeaderDepth.Network;

    /// <summary>What each rule has seen.</summary>
    public IReadOnlyDictionary<PortAclSpecification, AclCounter> Counters { get; }

    public bool Remember(FrameBatch batch, int index, StageDirection direction, ref FlowEntry entry)
    {
        var isNetwork = Transport.TryReadAddresses(batch, index, out var source, out var destination);
        ref var found = ref Find(batch, index, direction, isNetwork, source, destination);
        return (found.Rule is not { } rule || entry.Add(rule.Counter)) && (found.Meter is not { } meter || entry.Add(meter.Counter));
    }

    public void Process(FrameBatch batch, StageDirection direction)
    {
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            var isNetwork = Transport.TryReadAddresses(batch, index, out var source, out var destination);
            if (Transport.HidesHeader(frame.Headers) || (isNetwork && Transport.IsDisguised(frame.Headers.Network, source, destination)))
            {
                // Its receiver may read addresses in it that we do not.
                batch.Drop(index, DropReason.Malformed);
                continue;
            }

            ref var found = ref Find(batch, index, direction, isNetwork, source, destination);
            if (found.Rule is { } rule)
            {
                Count(rule, frame.Length);
                if (rule.Asked.Action == PortAclAction.Deny)
                {
                    batch.Drop(index, s_denied);
                    continue;
                }
            }

            if (found.Meter is { } meter)
            {
                Count(meter, frame.Length);
            }
        }
    }

    public string? Explain(FrameBatch batch, int index, StageDirection direction)
    {
        var isNetwork = Transport.TryReadAddresses(batch, index, out var source, out var destination);
        return batch[index].Verdict == s_denied && Find(batch, index, direction, isNetwork, source, destination).Rule?.Asked is { } rule
            ? $"{rule.Action} {rule.Direction} local {rule.Local ?? "ANY"} remote {rule.Remote ?? "ANY"}"
            : null;
    }

    private static void Count(AclRule rule, int bytes)
    {
        rule.Counter.Frames++;
        rule.Counter.Bytes += bytes;
    }

    private ref Remembered Find(FrameBatch batch, int index, StageDirection direction, bool isNetwork, UInt128 source, UInt128 destination)
    {
        var head = batch.Head(index);
        var destinationMac = MacAddress.Read(head).Value;
        var sourceMac = MacAddress.Read(head[6..]).Value;

        // Who is behind the port sends what comes in here, and gets what goes out.
        var key = direction == StageDirection.Ingress
            ? new Pair(PortAclDirection.Outbound, isNetwork, sourceMac, destinationMac, source, destination)
            : new Pair(PortAclDirection.Inbound, isNetwork, destinationMac, sourceMac, destination, source);
        ref var place = ref _remembered[key.Hash() & (RememberedPairs - 1)];
        if (!place.IsSet || place.Key != key)
        {
            place = new Remembered(true, key, First(_rules, key), First(_meters, key));
        }

        return ref place;
    }

    private static AclRule? First(AclRule[] rules, in Pair pair)
    {
        foreach (var rule in rules)
        {
            if ((rule.Asked.Direction & pair.Direction) != 0
                && rule.Local.Fits(pair.LocalMac, pair.IsNetwork, pair.Local) && rule.Remote.Fits(pair.RemoteMac, pair.IsNetwork, pair.Remote))
            {
                return rule;
            }
        }

        return null;
    }

    private readonly record struct Pair(PortAclDirection Direction, bool IsNetwork, ulong LocalMac, ulong RemoteMac, UInt128 Local, UInt128 Remote)
    {
        /// <summary>Spreads what differs between conversations; nothing is lost where two share a place, the rules are just walked again.</summary>
        public int Hash()
        {
            var mixed = (ulong)Remote ^ BitOperations.RotateLeft((ulong)Local, 21) ^ BitOperations.RotateLeft(RemoteMac, 37) ^ BitOperations.RotateLeft(LocalMac, 11) ^ (ulong)Direction;
            return (int)((mixed * 0x9E3779B97F4A7C15) >> 40);
        }
    }

    private record struct Remembered(bool IsSet, Pair Key, AclRule? Rule, AclRule? Meter);
}
