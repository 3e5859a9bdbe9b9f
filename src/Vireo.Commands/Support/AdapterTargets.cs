using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>An adapter whose policy is read or changed: of a machine, or of the management operating system.</summary>
/// <param name="Machine">Its machine, or null.</param>
/// <param name="Switch">Its switch, if it belongs to the management operating system.</param>
/// <param name="Id">Identity.</param>
/// <param name="Name">Name.</param>
/// <param name="AccessVlanId">Access VLAN; zero is none.</param>
/// <param name="Policy">What holds.</param>
internal sealed record AdapterTarget(VirtualMachineConfiguration? Machine, SwitchConfiguration? Switch, Guid Id, string Name, int AccessVlanId, AdapterPolicyConfiguration Policy)
{
    /// <summary>It is as it was at a checkpoint: nothing of it is counted.</summary>
    public bool IsPast { get; init; }

    /// <summary>For questions and messages.</summary>
    public string FullName => Machine is null ? Name : $"{Machine.Name}: {Name}";

    /// <summary>An adapter of a machine.</summary>
    public static AdapterTarget Of(VirtualMachineConfiguration machine, NetworkAdapterConfiguration adapter) =>
        new(machine, null, adapter.Id, adapter.Name, adapter.AccessVlanId, adapter.Policy);

    /// <summary>An adapter of the management operating system.</summary>
    public static AdapterTarget Of(SwitchConfiguration on, ManagementAdapterConfiguration adapter) =>
        new(null, on, adapter.Id, adapter.Name, adapter.AccessVlanId, adapter.Policy);
}

/// <summary>Base of the commands that read or change what holds at an adapter's port.</summary>
public abstract class AdapterPolicyCommand : AdapterCommand
{
    /// <summary>The adapters that the parameters of the original's four sets name.</summary>
    private protected static IEnumerable<AdapterTarget> Targets(
        CommandContext context, IEnumerable<VMNetworkAdapterBase>? objects, IEnumerable<VirtualMachineConfiguration> machines, bool managementOs, string? name)
    {
        if (managementOs)
        {
            return ManagementAdapters.Find(context, name, null).Select(place => Of(place.On, place.Adapter));
        }

        if (objects is null)
        {
            return OfMachines(context, machines, name is null ? null : [name]).Select(Of);
        }

        var given = objects.ToList();
        return given.Where(one => one.IsManagementOs).SelectMany(one => ManagementAdapters.Find(context, null, null).Where(place => one.Id.EndsWith($":{place.Adapter.Id:D}", StringComparison.OrdinalIgnoreCase)).Select(place => Of(place.On, place.Adapter)))
            .Concat(FromObjects(context, given.Where(one => !one.IsManagementOs)).Select(Of));
    }

    /// <summary>The adapters that a machine had at a checkpoint; none, and an error, when that is not there any more.</summary>
    private protected static IEnumerable<AdapterTarget> TargetsOf(CommandContext context, VMSnapshot snapshot) => CheckpointFinder.OfObject(context, snapshot) is not { } found ? []
        : found.Checkpoint.Machine.NetworkAdapters.Select(adapter => AdapterTarget.Of(found.Checkpoint.Machine with { Name = found.Machine.Name }, adapter) with { IsPast = true });

    /// <summary>The adapter that a setting belongs to.</summary>
    private protected static IEnumerable<AdapterTarget> TargetOf(CommandContext context, VMNetworkAdapterSetting setting) => Targets(
        context, [new VMNetworkAdapterBase { Id = setting.Id, VMId = setting.VMId, Name = setting.AdapterName, IsManagementOs = setting.IsManagementOs }], [], managementOs: false, null);

    /// <summary>Changes the policy, and with it perhaps the access VLAN, of each adapter that the caller agrees to.</summary>
    /// <returns>The adapters as they are now.</returns>
    private protected static async Task<IReadOnlyList<AdapterTarget>> ChangePoliciesAsync(
        CommandContext context, IEnumerable<AdapterTarget> targets, string action, Func<AdapterTarget, AdapterTarget> change)
    {
        List<AdapterTarget> changed = [];
        foreach (var target in targets.ToList())
        {
            if (!await context.ShouldProcessAsync(target.FullName, action))
            {
                continue;
            }

            await GuardAsync(context, async () => changed.Add(target.Machine is null ? await ChangeManagementAsync(context, target, change) : await ChangeMachineAsync(context, target, change)));
        }

        return changed;
    }

    private static async Task<AdapterTarget> ChangeMachineAsync(CommandContext context, AdapterTarget target, Func<AdapterTarget, AdapterTarget> change)
    {
        var after = await context.Service<IMachines>().ChangeAsync(
            target.Machine!.Id,
            (c, _) =>
            {
                var current = c.NetworkAdapters.FirstOrDefault(adapter => adapter.Id == target.Id)
                    ?? throw Errors.Invalid($"The network adapter '{target.Name}' does not exist any more.", target.Name);
                var next = change(Of(new AdapterRef(c, current.Id)));
                return c with
                {
                    NetworkAdapters = [.. c.NetworkAdapters.Select(adapter => adapter.Id == target.Id ? adapter with { AccessVlanId = next.AccessVlanId, Policy = next.Policy } : adapter)],
                };
            },
            context.Cancellation);
        return Of(new AdapterRef(after, target.Id));
    }

    private static async Task<AdapterTarget> ChangeManagementAsync(CommandContext context, AdapterTarget target, Func<AdapterTarget, AdapterTarget> change)
    {
        var after = await context.Service<ISwitches>().ChangeAsync(
            target.Switch!.Id,
            c => c with
            {
                ManagementAdapters =
                [
                    .. c.ManagementAdapters.Select(adapter =>
                    {
                        if (adapter.Id != target.Id)
                        {
                            return adapter;
                        }

                        var next = change(Of(c, adapter));
                        return adapter with { AccessVlanId = next.AccessVlanId, Policy = next.Policy };
                    }),
                ],
            },
            context.Cancellation);
        return Of(after, after.ManagementAdapters.First(adapter => adapter.Id == target.Id));
    }

    private static AdapterTarget Of(AdapterRef reference) =>
        AdapterTarget.Of(reference.Machine, reference.Machine.NetworkAdapters.First(candidate => candidate.Id == reference.Adapter));

    private static AdapterTarget Of(SwitchConfiguration on, ManagementAdapterConfiguration adapter) => AdapterTarget.Of(on, adapter);
}
