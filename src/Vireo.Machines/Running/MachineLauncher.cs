using System.ComponentModel;
using System.Security.Cryptography;
using Vireo.Machines.Devices;
using Vireo.Platform.Files;
using Vireo.Platform.Processes;
using Vireo.Platform.Testing;

namespace Vireo.Machines.Running;

/// <summary>Makes a run folder ready and starts QEMU in it, detached, in its own session and control group, as its own user.</summary>
/// <param name="time">Clock.</param>
internal sealed class MachineLauncher(TimeProvider time)
{
    // When memory runs out in spite of all promises, whoever is not a guest goes first.
    private const int OutOfMemoryScore = -900;

    /// <summary>Starts the process; its guest does not run yet.</summary>
    /// <exception cref="MachineException">It could not be started.</exception>
    public MachineRecord Launch(MachineStart start, MachineCommandLine commandLine, MachineIntent intent)
    {
        var (configuration, plan) = (start.Configuration, start.Plan);
        ProcessIdentity? tpm = null;
        try
        {
            PrepareFolder(plan);
            PrepareFirmware(configuration.Generation, plan);
            var group = ControlGroup.Create(GroupName(configuration.Id, plan.RunFolder));
            LimitProcessors(group, configuration.Processor);
            tpm = configuration.TpmEnabled && plan.Tpm is { } files ? TpmProcess.Start(files, plan, [.. group.ProcessFiles]) : null;
            ComPortLinks.Offer(configuration, plan);
            var record = new MachineRecord
            {
                Tpm = tpm,
                StartedAt = time.GetUtcNow(),
                Configuration = configuration,
                Plan = plan,
                Slots = commandLine.Slots,
                CommandLine = commandLine.ToString(),
                ControlGroupFolders = [.. group.Folders],
                Intent = intent,
            };

            // First without the process: whoever finds this looks for the process by its command line.
            record.Write();
            CrashPoint.Hit("machine.recorded");
            if (group.Unavailable is { } reason)
            {
                File.AppendAllText(plan.LogPath, $"{reason} The virtual machine runs without one.\n");
            }

            var identity = DetachedProcess.Start(new()
            {
                Arguments = [.. Privileges.Drop(plan.User), .. commandLine.Arguments],
                WorkingFolder = plan.RunFolder,
                LogPath = plan.LogPath,
                ControlGroupFiles = [.. group.ProcessFiles],
                OpenFiles = commandLine.OpenFiles,
                OutOfMemoryScore = OutOfMemoryScore,
            });
            CrashPoint.Hit("machine.launched");
            record = record with { Process = identity };
            record.Write();
            return record;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or Win32Exception)
        {
            ComPortLinks.Withdraw(configuration, plan);
            TpmProcess.End(tpm);
            throw new MachineException(MachineErrorKind.StartFailed, $"The virtual machine '{configuration.Name}' could not be started: {exception.Message}", exception);
        }
    }

    // A machine that moves between two hosts of one computer has a process of each for a moment.
    private static string GroupName(Guid machine, string runFolder) =>
        $"vm-{machine:N}-{Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(Path.GetFullPath(runFolder))).AsSpan(0, 4))}";

    private static void PrepareFolder(MachineRuntimePlan plan)
    {
        Directory.CreateDirectory(plan.RunFolder);
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        if (plan.User is { } user && Privileges.FindIds(user) is { } ids)
        {
            // The guests' user makes its sockets and logs here, and can neither take away nor replace what is ours.
            FileOwner.Set(plan.RunFolder, 0, ids.GroupId);
            File.SetUnixFileMode(plan.RunFolder, Owner | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.StickyBit);
        }
        else
        {
            File.SetUnixFileMode(plan.RunFolder, Owner);
        }

        // Left over from a process that was killed.
        foreach (var socket in new[] { plan.QmpSocket, plan.AgentSocket, plan.ScreenSocket, plan.ComSocket(1), plan.ComSocket(2) })
        {
            File.Delete(socket);
        }

        foreach (var log in new[] { plan.LogPath, plan.ComLog(1), plan.ComLog(2) })
        {
            LogTail.Delete(log);
        }
    }

    private static void PrepareFirmware(int generation, MachineRuntimePlan plan)
    {
        if (generation == 2 && plan.Firmware is { } firmware && !File.Exists(firmware.VariablesPath))
        {
            AtomicFile.Write(firmware.VariablesPath, File.ReadAllBytes(firmware.VariablesTemplatePath));
        }
    }

    private static void LimitProcessors(ControlGroup group, Configuration.ProcessorConfiguration processor)
    {
        if (group.Unavailable is null)
        {
            group.SetProcessors(processor.RelativeWeight, processor.LimitPercent >= 100 ? null : processor.Count * processor.LimitPercent / 100.0);
        }
    }
}
