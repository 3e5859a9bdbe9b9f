using Vireo.Machines.Devices;
using Vireo.Platform.Files;
using Vireo.Platform.Processes;

namespace Vireo.Machines.Running;

/// <summary>
/// The trusted platform module of a machine: swtpm, a process beside QEMU's, as QEMU's user. It keeps the module's state in one file, which it gets open
/// because its user may not reach it, and ends by itself when QEMU does.
/// </summary>
internal static class TpmProcess
{
    private const int Terminate = 15;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    /// <summary>Starts it; returns when it listens.</summary>
    /// <param name="tpm">Program and state.</param>
    /// <param name="plan">Where its socket goes, and who it runs as.</param>
    /// <param name="controlGroupFiles">Groups of the machine.</param>
    /// <exception cref="MachineException">It did not start.</exception>
    public static ProcessIdentity Start(TpmFiles tpm, MachineRuntimePlan plan, IReadOnlyList<string> controlGroupFiles)
    {
        PrepareState(tpm.StatePath, plan.User);
        File.Delete(plan.TpmSocket);
        var log = $"{plan.RunFolder}.tpm.log";
        File.Delete(log);
        var keyFile = tpm.Key is null ? null : WriteKey($"{plan.RunFolder}.tpm.key", tpm.Key);
        try
        {
            return Start(tpm, plan, controlGroupFiles, log, keyFile);
        }
        finally
        {
            if (keyFile is not null)
            {
                File.Delete(keyFile);
            }
        }
    }

    private static ProcessIdentity Start(TpmFiles tpm, MachineRuntimePlan plan, IReadOnlyList<string> controlGroupFiles, string log, string? keyFile)
    {
        var identity = DetachedProcess.Start(new()
        {
            Arguments =
            [
                .. Privileges.Drop(plan.User), tpm.ProgramPath, "socket", "--tpm2", "--tpmstate", "backend-uri=file:///proc/self/fd/3",
                "--ctrl", $"type=unixio,path={plan.TpmSocket}", "--flags", "not-need-init", "--terminate",
                .. keyFile is null ? (string[])[] : ["--key", "fd=4,format=binary,mode=aes-256-cbc"],
            ],
            WorkingFolder = plan.RunFolder,
            LogPath = log,
            ControlGroupFiles = controlGroupFiles,
            OpenFiles = keyFile is null ? [tpm.StatePath] : [tpm.StatePath, keyFile],
        });
        if (SpinWait.SpinUntil(() => IsListening(plan.TpmSocket) || !identity.IsAlive, s_patience) && IsListening(plan.TpmSocket))
        {
            return identity;
        }

        End(identity);
        throw new MachineException(MachineErrorKind.StartFailed, $"The trusted platform module could not be started: {string.Join(" / ", LogTail.Read(log, 3))}");
    }

    /// <summary>Ends it, should it still be there: it does so by itself when the QEMU that had it ends, but not when none ever came.</summary>
    public static void End(ProcessIdentity? identity)
    {
        if (identity is not null && ProcessHandle.TryOpen(identity) is { } handle)
        {
            using (handle)
            {
                handle.Signal(Terminate);
            }
        }
    }

    // In the run folder, which is memory, and only until the module has read it.
    private static string WriteKey(string path, byte[] key)
    {
        File.Delete(path);
        using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        file.Write(key);
        return path;
    }

    private static void PrepareState(string path, string? user)
    {
        if (!File.Exists(path))
        {
            AtomicFile.Write(path, []);
        }

        // Whoever has the file has the guest's keys.
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        if (user is not null && Privileges.FindIds(user) is { } ids)
        {
            FileOwner.Set(path, ids.UserId, ids.GroupId);
        }
    }

    /// <summary>Whether somebody listens at a socket path, without connecting: the module takes one connection and ends with it. Flags: <c>/proc/net/unix</c>, unix(7).</summary>
    private static bool IsListening(string path)
    {
        const string accepting = " 00010000 ";
        return File.Exists(path) && File.ReadLines("/proc/net/unix").Any(line => line.Contains(accepting, StringComparison.Ordinal) && line.EndsWith($" {path}", StringComparison.Ordinal));
    }
}
