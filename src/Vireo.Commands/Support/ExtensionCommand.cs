using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Base of the commands about extensions of switches.</summary>
public abstract class ExtensionCommand : AdapterPolicyCommand
{
    /// <summary>What becomes of the settings of a port or switch.</summary>
    private protected delegate ExtensionFeatureConfiguration? FeatureChange(ExtensionFeatureConfiguration? before, ExtensionFeatureConfiguration given, string target);

    /// <summary>Adds what is not there.</summary>
    private protected static ExtensionFeatureConfiguration Add(ExtensionFeatureConfiguration? before, ExtensionFeatureConfiguration given, string target) =>
        before is null ? given : throw Errors.Exists($"'{target}' has these settings already; change them with Set.", given.FeatureId);

    /// <summary>Changes what is there.</summary>
    private protected static ExtensionFeatureConfiguration Set(ExtensionFeatureConfiguration? before, ExtensionFeatureConfiguration given, string target) =>
        before is null ? throw Errors.Invalid($"'{target}' does not have these settings; add them first.", given.FeatureId) : given;

    /// <summary>Takes away what is there.</summary>
    private protected static ExtensionFeatureConfiguration? Take(ExtensionFeatureConfiguration? before, ExtensionFeatureConfiguration given, string target) =>
        before is null ? throw Errors.Invalid($"'{target}' does not have these settings.", given.FeatureId) : null;

    /// <summary>Whether settings or data are among those that the parameters of a command name.</summary>
    private protected static bool IsAmong(Guid id, string name, Guid[]? ids, string[]? names) =>
        (ids is null || ids.Contains(id)) && (names is null || names.Any(pattern => Wildcard.Matches(pattern, name)));

    /// <summary>Enables or disables extensions on switches, and writes them as they are then.</summary>
    private protected static async Task SwitchOnAsync(
        CommandContext context, string[]? names, string[]? switchNames, VMSwitch[]? switches, VMSwitchExtension[]? objects, bool enabled)
    {
        var mapper = await ExtensionMapper.CreateAsync(context);
        List<(SwitchConfiguration On, Guid Extension)> targets = [];
        if (objects is not null)
        {
            targets.AddRange(objects.SelectMany(one => SwitchRules.Resolve(context, null, [new VMSwitch { Id = one.SwitchId, Name = one.SwitchName }]).Select(on => (on, one.Id))));
        }
        else
        {
            var found = mapper.Find(names);
            var places = switchNames is null && switches is null ? context.Service<ISwitches>().All : SwitchRules.Resolve(context, switchNames, switches);
            targets.AddRange(places.SelectMany(on => found.Select(one => (on, one.Id))));
        }

        foreach (var (on, extension) in targets)
        {
            await GuardAsync(context, async () =>
            {
                var after = await context.Service<ISwitches>().ChangeAsync(on.Id, c => SwitchOn(c, extension, enabled), context.Cancellation);
                context.WriteObject((await mapper.OnSwitchAsync(after, context)).First(one => one.Id == extension));
            });
        }
    }

    /// <summary>Ports that the parameters name.</summary>
    private protected IReadOnlyList<FeatureTarget> Ports(
        CommandContext context, VMNetworkAdapterBase[]? adapters, string[]? machineNames, VirtualMachine[]? machines, bool managementOs, bool externalPort, string? switchName, string? adapterName)
    {
        var switches = context.Service<ISwitches>();
        if (externalPort)
        {
            return [.. switches.All.Where(on => on.SwitchType == VMSwitchType.External && (switchName is null || Wildcard.Matches(switchName, on.Name))).Select(on => new FeatureTarget(null, on))];
        }

        var resolved = adapters is null && !managementOs ? Resolve(context, machineNames, machines) : [];
        return [.. Targets(context, adapters, resolved, managementOs, adapterName).Select(adapter => Port(switches, adapter))];
    }

    /// <summary>The port that settings were read from.</summary>
    private protected static IReadOnlyList<FeatureTarget> PortOf(CommandContext context, VMSwitchExtensionPortFeature feature)
    {
        var switches = context.Service<ISwitches>();
        if (feature.IsExternalPort)
        {
            return switches.Find(feature.SwitchId) is { } on ? [new FeatureTarget(null, on)] : throw Errors.Invalid($"The virtual switch '{feature.SwitchName}' does not exist any more.", feature.SwitchId);
        }

        return feature.AdapterId.Length == 0
            ? throw Errors.Invalid("The settings are a template that belongs to no port; name a virtual machine, an adapter, -ManagementOS or -ExternalPort.", feature.Id)
            : [.. TargetOf(context, new VMNetworkAdapterSettingReference(feature)).Select(adapter => Port(switches, adapter))];
    }

    /// <summary>Changes settings of ports, each that the caller agrees to.</summary>
    private protected static async Task ChangePortsAsync(
        CommandContext context, IEnumerable<FeatureTarget> targets, IReadOnlyList<VMSwitchExtensionPortFeature> given, string action, FeatureChange change, bool passthru)
    {
        var mapper = await ExtensionMapper.CreateAsync(context);
        var settings = given.Select(one => new ExtensionFeatureConfiguration(one.ExtensionId, one.Id, one.SettingData.ToJson())).ToList();
        foreach (var target in targets)
        {
            FeatureTarget? after = null;
            if (target.Adapter is { } adapter)
            {
                var changed = await ChangePoliciesAsync(
                    context, [adapter], action, now => now with { Policy = now.Policy with { ExtensionFeatures = Apply(now.Policy.ExtensionFeatures, settings, target.FullName, change) } });
                after = changed.Count == 0 ? null : target with { Adapter = changed[0] };
            }
            else if (await context.ShouldProcessAsync(target.FullName, action))
            {
                await GuardAsync(context, async () => after = target with
                {
                    Switch = await context.Service<ISwitches>().ChangeAsync(
                        target.Switch!.Id, c => c with { ExternalPortFeatures = Apply(c.ExternalPortFeatures, settings, target.FullName, change) }, context.Cancellation),
                });
            }

            foreach (var one in passthru && after is not null ? settings : [])
            {
                context.WriteObject(mapper.Feature(after!, one));
            }
        }
    }

    /// <summary>Changes settings of switches, each that the caller agrees to.</summary>
    private protected static async Task ChangeSwitchesAsync(
        CommandContext context, IEnumerable<SwitchConfiguration> targets, IReadOnlyList<VMSwitchExtensionSwitchFeature> given, string action, FeatureChange change, bool passthru)
    {
        var mapper = await ExtensionMapper.CreateAsync(context);
        var settings = given.Select(one => new ExtensionFeatureConfiguration(one.ExtensionId, one.Id, one.SettingData.ToJson())).ToList();
        foreach (var target in targets)
        {
            if (!await context.ShouldProcessAsync(target.Name, action))
            {
                continue;
            }

            await GuardAsync(context, async () =>
            {
                var after = await context.Service<ISwitches>().ChangeAsync(target.Id, c => With(c, settings, change), context.Cancellation);
                foreach (var one in passthru ? settings : [])
                {
                    context.WriteObject(mapper.Feature(after, one));
                }
            });
        }
    }

    /// <summary>Switches of the parameters, or those that settings were read from.</summary>
    private protected static IReadOnlyList<SwitchConfiguration> SwitchesOf(CommandContext context, string[]? names, VMSwitch[]? objects, VMSwitchExtensionSwitchFeature feature)
    {
        if (names is not null || objects is not null)
        {
            return SwitchRules.Resolve(context, names, objects);
        }

        return context.Service<ISwitches>().Find(feature.SwitchId) is { } on
            ? [on]
            : throw Errors.Invalid("The settings belong to no switch of this host; name one.", feature.Id);
    }

    private static SwitchConfiguration SwitchOn(SwitchConfiguration c, Guid extension, bool enabled) => c.Extensions.Any(one => one.ExtensionId == extension)
        ? c with { Extensions = [.. c.Extensions.Select(one => one.ExtensionId == extension ? one with { Enabled = enabled } : one)] }
        : c with { Extensions = [.. c.Extensions, new SwitchExtensionConfiguration(extension, enabled)] };

    private static FeatureTarget Port(ISwitches switches, AdapterTarget adapter)
    {
        var id = adapter.Switch?.Id ?? adapter.Machine?.NetworkAdapters.FirstOrDefault(one => one.Id == adapter.Id)?.SwitchId;
        return new FeatureTarget(adapter, id is { } known ? switches.Find(known) : null);
    }

    private static SwitchConfiguration With(SwitchConfiguration c, IReadOnlyList<ExtensionFeatureConfiguration> settings, FeatureChange change)
    {
        foreach (var extension in settings.Select(one => one.ExtensionId).Distinct())
        {
            // What is set before the extension is enabled waits for it.
            var entry = c.Extensions.FirstOrDefault(one => one.ExtensionId == extension) ?? new SwitchExtensionConfiguration(extension, false);
            var next = entry with { Features = Apply(entry.Features, settings.Where(one => one.ExtensionId == extension), c.Name, change) };
            c = c with { Extensions = c.Extensions.Contains(entry) ? [.. c.Extensions.Select(one => one == entry ? next : one)] : [.. c.Extensions, next] };
        }

        return c;
    }

    private static List<ExtensionFeatureConfiguration> Apply(IReadOnlyList<ExtensionFeatureConfiguration> now, IEnumerable<ExtensionFeatureConfiguration> given, string target, FeatureChange change)
    {
        var next = now.ToList();
        foreach (var one in given)
        {
            var place = next.FindIndex(other => other.ExtensionId == one.ExtensionId && other.FeatureId == one.FeatureId);
            var after = change(place < 0 ? null : next[place], one, target);
            if (place >= 0)
            {
                next.RemoveAt(place);
            }

            if (after is not null)
            {
                next.Insert(place < 0 ? next.Count : place, after);
            }
        }

        return next;
    }

    /// <summary>The adapter that settings name, in the form in which adapters are found.</summary>
    private sealed class VMNetworkAdapterSettingReference : VMNetworkAdapterSetting
    {
        public VMNetworkAdapterSettingReference(VMSwitchExtensionPortFeature feature)
        {
            Id = feature.AdapterId;
            VMId = feature.VMId;
            AdapterName = feature.VMNetworkAdapterName;
            IsManagementOs = feature.IsManagementOs;
        }
    }
}
