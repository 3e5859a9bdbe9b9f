using System.Text.Json;
using Vireo.Control.Switching;
using Vireo.Switch.Acls;
using Vireo.Switch.Sdk;
using Vireo.Switch.Stages;

namespace Vireo.Switch.Pipeline;

/// <summary>Makes policies from settings. The difference is applied: a stage whose setting did not change is kept with its memory.</summary>
internal sealed class PolicyCompiler(StageCatalog catalog, TimeProvider? clock = null, Random? random = null)
{
    /// <summary>Sixty-five standard frames, what RFC 8257 3.1 found right for ten gigabits a second.</summary>
    private const int EcnThreshold = 100_000;

    private static readonly Dictionary<PortAclSpecification, AclCounter> s_noCounters = [];
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly Random _random = random ?? new Random(1);

    /// <summary>What is wrong with <paramref name="settings"/>: every fault, each as one sentence.</summary>
    public IReadOnlyList<string> Validate(PortSettings settings)
    {
        List<string> faults = [];
        PolicyRules.Validate(settings, faults);
        foreach (var stage in settings.Stages)
        {
            catalog.Validate(stage, faults);
        }

        return faults;
    }

    /// <summary>Compiles valid settings.</summary>
    /// <param name="settings">What was asked.</param>
    /// <param name="previous">What holds now.</param>
    /// <param name="counters">What rules had seen before the plane started.</param>
    public PortPolicy Compile(PortSettings settings, PortPolicy? previous, IReadOnlyDictionary<PortAclSpecification, AclCounter>? counters = null)
    {
        var kept = previous?.Compiled.ToList() ?? [];
        List<CompiledStage> stages = [];
        var asked = settings.Policy ?? new PortPolicySpecification();
        var vlans = AddVlan(settings, asked, Add);
        if (settings.Policy is not null)
        {
            AddGuards(settings, asked, Add);
        }

        if (asked.Acls is { Count: > 0 } acls)
        {
            var before = previous?.Stages.OfType<AclStage>().FirstOrDefault()?.Counters ?? counters ?? s_noCounters;
            Add($"{AclStage.StageName} {Key(acls, SwitchJson.Default.IReadOnlyListPortAclSpecification)}", () => new AclStage(acls, before));
        }

        if (asked.ExtendedAcls is { Count: > 0 } rules)
        {
            var flows = previous?.Stages.OfType<ExtendedAclStage>().FirstOrDefault()?.Flows;
            Add($"{ExtendedAclStage.StageName} {Key(rules, SwitchJson.Default.IReadOnlyListExtendedAclSpecification)}", () => new ExtendedAclStage(
                rules, () => flows ?? new FlowTable(ExtendedAclStage.Conversations, (ulong)_random.NextInt64()), _clock));
        }

        foreach (var stage in settings.Stages)
        {
            Add(StageCatalog.KeyOf(stage), () => catalog.Create(stage));
        }

        if (asked.MaximumBandwidth > 0)
        {
            Add(
                $"{MaximumBandwidthStage.StageName} {asked.MaximumBandwidth} {asked.EcnThreshold}",
                () => new MaximumBandwidthStage(asked.MaximumBandwidth, _clock, asked.EcnThreshold ?? EcnThreshold));
        }

        return new PortPolicy(stages, vlans)
        {
            Mirroring = asked.Mirroring,
            StormLimit = asked.StormLimit,
            QueueWeight = asked.QueueWeight,
            MinimumBandwidth = asked.MinimumBandwidthWeight > 0 ? asked.MinimumBandwidthWeight : asked.MinimumBandwidthAbsolute,
            MarkAboveBytes = asked.EcnThreshold ?? EcnThreshold,
            PrimaryVlan = settings.VlanMode == PortVlanMode.Private ? (ushort)asked.PrimaryVlanId : (ushort)0,
            SecondaryVlans = settings.VlanMode == PortVlanMode.Private ? [.. (asked.SecondaryVlanIds ?? []).Select(vlan => (ushort)vlan)] : [],
            IsTagged = settings.VlanMode == PortVlanMode.Trunk,
        };

        void Add(string key, Func<IStage> create)
        {
            var known = kept.FindIndex(stage => stage.Key == key);
            if (known < 0)
            {
                stages.Add(new CompiledStage(key, create()));
                return;
            }

            stages.Add(kept[known]);
            kept.RemoveAt(known);
        }
    }

    /// <summary>Lets everything through, tagged where it belongs to a VLAN: an uplink.</summary>
    public PortPolicy CompileUplink() =>
        new([new CompiledStage(AddressWatchStage.StageName, new AddressWatchStage(_clock))], VlanSet.All)
        {
            IsTagged = true,
            MarkAboveBytes = EcnThreshold,
        };

    private static VlanSet AddVlan(PortSettings settings, PortPolicySpecification asked, Action<string, Func<IStage>> add)
    {
        switch (settings.VlanMode)
        {
            case PortVlanMode.Trunk:
                var native = (ushort)asked.NativeVlanId;
                var allowed = VlanSet.Of([native, .. asked.AllowedVlanIds!.Select(vlan => (ushort)vlan)]);
                add($"{VlanTrunkStage.StageName} {native} {string.Join(',', asked.AllowedVlanIds!.Order())}", () => new VlanTrunkStage(native, allowed));
                return allowed;
            case PortVlanMode.Private:
                var primary = (ushort)asked.PrimaryVlanId;
                var secondaries = asked.SecondaryVlanIds!.Select(vlan => (ushort)vlan).ToArray();
                var accepted = asked.PrivateVlanMode == PrivateVlanMode.Isolated ? VlanSet.Of(primary) : VlanSet.Of([primary, .. secondaries]);
                var own = asked.PrivateVlanMode == PrivateVlanMode.Promiscuous ? primary : secondaries[0];
                add($"{PrivateVlanStage.StageName} {asked.PrivateVlanMode} {primary} {string.Join(',', secondaries)}", () => new PrivateVlanStage(own, accepted));
                return accepted;
            default:
                var vlan = settings.VlanMode == PortVlanMode.Access ? (ushort)settings.AccessVlanId : (ushort)0;
                add($"{VlanAccessStage.StageName} {vlan}", () => new VlanAccessStage(vlan));
                return VlanSet.Of(vlan);
        }
    }

    private void AddGuards(PortSettings settings, PortPolicySpecification asked, Action<string, Func<IStage>> add)
    {
        if (!asked.PriorityTag)
        {
            add(PriorityStage.StageName, () => new PriorityStage());
        }

        if (asked.SpoofGuard)
        {
            UInt128[]? addresses = asked.AllowedAddresses is null ? null : [.. asked.AllowedAddresses.Select(NetworkAddress)];
            add(
                $"{SpoofGuardStage.StageName} {settings.Address} {string.Join(',', asked.AllowedAddresses ?? ["any"])}",
                () => new SpoofGuardStage(settings.Address, addresses, _clock));
        }
        else
        {
            add(AddressWatchStage.StageName, () => new AddressWatchStage(_clock));
        }

        if (asked.DhcpGuard)
        {
            add(DhcpGuardStage.StageName, () => new DhcpGuardStage());
        }

        if (asked.RouterGuard)
        {
            add(RouterGuardStage.StageName, () => new RouterGuardStage());
        }
    }

    private static UInt128 NetworkAddress(string text) => AclAddress.Parse(text).Value;

    private static string Key<T>(T value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) => JsonSerializer.Serialize(value, type);
}
