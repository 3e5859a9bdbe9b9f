using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Vireo.Platform.Processes;

/// <summary>What to start, detached.</summary>
public sealed record DetachedProcessOptions
{
    /// <summary>Program and arguments; the program is an absolute path.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>Folder it starts in.</summary>
    public required string WorkingFolder { get; init; }

    /// <summary>File that gets its standard output and error, appended.</summary>
    public required string LogPath { get; init; }

    /// <summary>Its whole environment, as <c>NAME=value</c>.</summary>
    public IReadOnlyList<string> Environment { get; init; } = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"];

    /// <summary><c>cgroup.procs</c> files it enters before the program begins; one that refuses is reported in the log and passed over.</summary>
    public IReadOnlyList<string> ControlGroupFiles { get; init; } = [];

    /// <summary>
    /// How readily the kernel ends it when memory runs out, -1000 (never) to 1000; null leaves it as ours is. Less than
    /// ours takes CAP_SYS_RESOURCE; without it the score stays.
    /// </summary>
    public int? OutOfMemoryScore { get; init; }

    /// <summary>Files it gets open for reading and writing as descriptors 3, 4, ...: it may have no right to open them itself.</summary>
    public IReadOnlyList<string> OpenFiles { get; init; } = [];
}

/// <summary>
/// Starts a program that outlives us: a session of its own (so no terminal or process group of ours reaches it), default signal
/// dispositions, nothing of ours open in it, output to a file.
/// </summary>
public static partial class DetachedProcess
{
    private const short SetSignalDefaults = 0x04;
    private const short SetSignalMask = 0x08;
    private const short SetSession = 0x80;
    private const int ReadOnly = 0;
    private const int WriteOnly = 1;
    private const int ReadWrite = 2;
    private const int Create = 0x40;
    private const int Append = 0x400;

    // Twice what glibc needs for posix_spawnattr_t (336 bytes), posix_spawn_file_actions_t (80) and sigset_t (128).
    private const int OpaqueBytes = 672;

    // The shell sets its score and enters the control groups, then becomes the program: the process id stays. A program cannot be put into version 1
    // hierarchies at its birth, and a managed runtime must not fork.
    private const string EnterAndBecome =
        "umask 007; if [ -n \"$1\" ]; then { echo \"$1\" >/proc/$$/oom_score_adj; } 2>/dev/null; fi; n=$2; shift 2; while [ \"$n\" -gt 0 ]; do echo $$ >\"$1\" || echo \"the control group $1 could not be entered\" >&2; shift; n=$((n-1)); done; exec \"$@\"";

    /// <summary>Starts it and returns its identity.</summary>
    /// <exception cref="Win32Exception">It could not be started: a folder or file is missing, or the machine is out of processes or memory.</exception>
    public static unsafe ProcessIdentity Start(DetachedProcessOptions options)
    {
        string[] arguments =
        [
            "sh", "-c", EnterAndBecome, "sh", options.OutOfMemoryScore?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "", options.ControlGroupFiles.Count.ToString(System.Globalization.CultureInfo.InvariantCulture),
            .. options.ControlGroupFiles, .. options.Arguments,
        ];
        using var argumentVector = new StringVector(arguments);
        using var environmentVector = new StringVector(options.Environment);
        var actions = stackalloc byte[OpaqueBytes];
        var attributes = stackalloc byte[OpaqueBytes];
        var signals = stackalloc byte[OpaqueBytes];

        // SAFETY: the three opaque structures live on this stack frame, larger than the C library's, and are destroyed before it
        // ends; the vectors are kept alive by their using declarations until after posix_spawn, which copies everything.
        Check(FileActionsInitialize(actions), "file actions");
        Check(AttributesInitialize(attributes), "attributes");
        try
        {
            Check(AddChangeFolder(actions, options.WorkingFolder), options.WorkingFolder);
            Check(AddOpen(actions, 0, "/dev/null", ReadOnly, 0), "/dev/null");
            Check(AddOpen(actions, 1, options.LogPath, WriteOnly | Create | Append, 0x1A0), options.LogPath);
            Check(AddDuplicate(actions, 1, 2), "standard error");
            for (var i = 0; i < options.OpenFiles.Count; i++)
            {
                Check(AddOpen(actions, 3 + i, options.OpenFiles[i], ReadWrite, 0), options.OpenFiles[i]);
            }

            Check(AddCloseFrom(actions, 3 + options.OpenFiles.Count), "close");
            Check(AttributesSetFlags(attributes, SetSession | SetSignalDefaults | SetSignalMask), "flags");
            _ = SignalSetFill(signals);
            Check(AttributesSetDefaults(attributes, signals), "signal defaults");
            _ = SignalSetEmpty(signals);
            Check(AttributesSetMask(attributes, signals), "signal mask");
            Check(Spawn(out var processId, "/bin/sh", actions, attributes, argumentVector.Pointer, environmentVector.Pointer), options.Arguments[0]);

            // It is our child and nobody has reaped it: its number cannot mean another process yet.
            return ProcessIdentity.Read(processId)?.Identity
                ?? throw new Win32Exception($"'{options.Arguments[0]}' was started but cannot be seen in /proc; is /proc mounted?");
        }
        finally
        {
            _ = FileActionsDestroy(actions);
            _ = AttributesDestroy(attributes);
        }
    }

    private static void Check(int error, string what)
    {
        if (error != 0)
        {
            throw new Win32Exception(error, $"A process could not be started ({what}): {Marshal.GetPInvokeErrorMessage(error)}");
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Spawn(out int processId, string path, byte* actions, byte* attributes, byte** arguments, byte** environment);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static unsafe partial int FileActionsInitialize(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static unsafe partial int FileActionsDestroy(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addopen", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int AddOpen(byte* actions, int descriptor, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static unsafe partial int AddDuplicate(byte* actions, int descriptor, int target);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addchdir_np", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int AddChangeFolder(byte* actions, string path);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addclosefrom_np")]
    private static unsafe partial int AddCloseFrom(byte* actions, int descriptor);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static unsafe partial int AttributesInitialize(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    private static unsafe partial int AttributesDestroy(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static unsafe partial int AttributesSetFlags(byte* attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    private static unsafe partial int AttributesSetDefaults(byte* attributes, byte* signals);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    private static unsafe partial int AttributesSetMask(byte* attributes, byte* signals);

    [LibraryImport("libc", EntryPoint = "sigfillset")]
    private static unsafe partial int SignalSetFill(byte* signals);

    [LibraryImport("libc", EntryPoint = "sigemptyset")]
    private static unsafe partial int SignalSetEmpty(byte* signals);

    /// <summary>A null-terminated array of C strings.</summary>
    private sealed unsafe class StringVector : IDisposable
    {
        private readonly int _count;

        public StringVector(IReadOnlyList<string> strings)
        {
            _count = strings.Count;

            // SAFETY: the array has one place more than there are strings, for the terminator; Dispose frees both.
            Pointer = (byte**)NativeMemory.AllocZeroed((nuint)_count + 1, (nuint)sizeof(byte*));
            for (var i = 0; i < _count; i++)
            {
                Pointer[i] = (byte*)Marshal.StringToCoTaskMemUTF8(strings[i]);
            }
        }

        public byte** Pointer { get; }

        public void Dispose()
        {
            for (var i = 0; i < _count; i++)
            {
                Marshal.FreeCoTaskMem((nint)Pointer[i]);
            }

            // SAFETY: allocated by the constructor; nobody uses the vector after its using declaration ends.
            NativeMemory.Free(Pointer);
        }
    }
}
