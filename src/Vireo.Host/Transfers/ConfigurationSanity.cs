using Microsoft.HyperV.PowerShell;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>Whether a configuration that was read is one at all: what the rest of the program takes for granted is so.</summary>
internal static class ConfigurationSanity
{
    // A machine can have 50; the rest of the program may walk a chain of them for each.
    private const int MaximumCheckpoints = 1_000;

    // Of the machine and all its checkpoints together.
    private const int MaximumParts = 10_000;
    private const int MaximumText = 4096;

    /// <summary>What is wrong, as the end of "it cannot be read: ...", or null.</summary>
    public static string? Problem(VirtualMachineConfiguration machine)
    {
        var checkpoints = machine.Checkpoints;
        if (checkpoints.All.Count > MaximumCheckpoints || checkpoints.Disks.Count > MaximumParts || checkpoints.All.Any(one => one is null) || checkpoints.Disks.Any(one => one is null)
            || checkpoints.Work?.Disks.Any(one => one is null || !(IsText(one.Path) && IsText(one.ParentPath))) == true
            || checkpoints.Disks.Any(one => !(IsText(one.Path) && IsText(one.ParentPath))))
        {
            return "its list of checkpoints makes no sense";
        }

        if (checkpoints.All.GroupBy(one => one.Id).Any(same => same.Count() > 1))
        {
            return "two of its checkpoints have one id";
        }

        if (checkpoints.All.Select(one => one.Machine).Append(machine).Sum(one => (long)one.Drives.Count + one.NetworkAdapters.Count) > MaximumParts)
        {
            return "it has more drives and network adapters than any machine";
        }

        return ProblemOfOne(machine) ?? checkpoints.All.Select(one => ProblemOfOne(one.Machine) ?? (IsText(one.Name) ? null : "the name of a checkpoint is no text")).FirstOrDefault(problem => problem is not null);
    }

    private static string? ProblemOfOne(VirtualMachineConfiguration machine)
    {
        if (machine.Id == Guid.Empty)
        {
            return "it has no id";
        }

        if (machine.Drives.Count > MaximumParts || machine.Drives.Any(drive => drive is null || !Enum.IsDefined(drive.Bus) || !Enum.IsDefined(drive.Kind) || !(drive.Path is null || IsText(drive.Path)))
            || machine.Drives.GroupBy(drive => drive.Id).Any(same => same.Count() > 1))
        {
            return "its list of drives makes no sense";
        }

        if (machine.NetworkAdapters.Count > MaximumParts || machine.NetworkAdapters.Any(adapter => adapter is null || !IsSound(adapter))
            || machine.NetworkAdapters.GroupBy(adapter => adapter.Id).Any(same => same.Count() > 1))
        {
            return "its list of network adapters makes no sense";
        }

        if (!Enum.IsDefined(machine.DeviceModel) || !Enum.IsDefined(machine.GuestFamily) || machine.ComPorts.Count != 2 || machine.BiosStartupOrder.Any(one => one is null || !Enum.TryParse<BootDevice>(one, out _)) || machine.DisabledIntegrationServices.Any(one => one is null))
        {
            return "its list of devices makes no sense";
        }

        return IsWord<StartAction>(machine.AutomaticStartAction) && IsWord<StopAction>(machine.AutomaticStopAction) && IsWord<CheckpointType>(machine.CheckpointType)
            && IsWord<ConsoleModeType>(machine.ConsoleMode) && IsWord<IPProtocolPreference>(machine.PreferredNetworkBootProtocol)
            && new[] { machine.Path, machine.SnapshotFileLocation, machine.SmartPagingFilePath, machine.FloppyPath ?? "" }.All(IsText) && machine.Notes.Length <= 1 << 20
            && machine.AutomaticStartDelaySeconds is >= 0 and <= VirtualMachineConfiguration.MaximumStartDelaySeconds
            ? null
            : "a setting has a value that it cannot have";
    }

    private static bool IsSound(NetworkAdapterConfiguration adapter) =>
        IsText(adapter.Name) && (adapter.MacAddress.Length == 0 || (adapter.MacAddress.Length == 12 && adapter.MacAddress.All(char.IsAsciiHexDigit)))
        && Enum.IsDefined(adapter.Policy.VlanMode) && adapter.Policy.PortMirroring is "None" or "Destination" or "Source" && adapter.Policy.IsolationMode is null or "None" or "Vlan"
        && adapter.Policy.Acls.All(one => one is not null && IsWord<VMNetworkAdapterAclAction>(one.Action))
        && adapter.Policy.ExtendedAcls.All(one => one is not null) && adapter.Policy.ExtensionFeatures.All(one => one is not null);

    private static bool IsText(string text) => text.Length <= MaximumText && !text.Contains('\0', StringComparison.Ordinal);

    private static bool IsWord<T>(string text)
        where T : struct, Enum => Enum.TryParse<T>(text, out var value) && Enum.IsDefined(value);
}
