using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Vireo.Cli.Verbs;

/// <summary>Signals to other processes.</summary>
internal static partial class Signals
{
    private const int SigTerm = 15;

    /// <summary>Asks a process to stop; nothing happens when it has ended.</summary>
    public static void Terminate(Process process)
    {
        if (!process.HasExited)
        {
            _ = Kill(process.Id, SigTerm);
        }
    }

    /// <summary>Asks a process to stop; false when there is none.</summary>
    public static bool Terminate(int process) => Kill(process, SigTerm) == 0;

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
