using Vireo.Control.Switching;
using Vireo.Switch.Stages;

namespace Vireo.Switch.Pipeline;

/// <summary>Makes policies from settings. The difference is applied: a stage whose setting did not change is kept with its memory.</summary>
internal sealed class PolicyCompiler(StageCatalog catalog)
{
    /// <summary>What is wrong with <paramref name="settings"/>: every fault, each as one sentence.</summary>
    public IReadOnlyList<string> Validate(PortSettings settings)
    {
        List<string> faults = [];
        if (settings.VlanMode == PortVlanMode.Access && settings.AccessVlanId is < 1 or > 4094)
        {
            faults.Add($"The VLAN id {settings.AccessVlanId} is not possible in access mode; use 1 to 4094.");
        }

        foreach (var stage in settings.Stages)
        {
            catalog.Validate(stage, faults);
        }

        return faults;
    }

    /// <summary>Compiles valid settings.</summary>
    public PortPolicy Compile(PortSettings settings, PortPolicy? previous)
    {
        var kept = previous?.Compiled.ToList() ?? [];
        List<CompiledStage> stages = [];
        var vlan = settings.VlanMode == PortVlanMode.Access ? (ushort)settings.AccessVlanId : (ushort)0;
        Add($"{VlanAccessStage.StageName} {vlan}", () => new VlanAccessStage(vlan));
        foreach (var stage in settings.Stages)
        {
            Add(StageCatalog.KeyOf(stage), () => catalog.Create(stage));
        }

        return new PortPolicy(stages, VlanSet.Of(vlan));

        void Add(string key, Func<Sdk.IStage> create)
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
}
