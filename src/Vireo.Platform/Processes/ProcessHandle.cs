using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vireo.Platform.Processes;

/// <summary>
/// A hold on one process, ours or not, by a pidfd (pidfd_open(2)): waiting and signalling never hit another process that got the
/// same number. Disposing it does not touch the process.
/// </summary>
public sealed partial class ProcessHandle : SafeHandleMinusOneIsInvalid
{
    private const long PidfdOpen = 434;
    private const long PidfdSendSignal = 424;
    private const int WaitByPidfd = 3;
    private const int WaitExited = 4;
    private const int WaitNoHang = 1;
    private const int NoChild = 10;

    // _IOWR(0xFF, 11, 64 bytes), linux/pidfd.h; exit information since Linux 6.15.
    private const nuint PidfdGetInfo = 0xC040FF0B;
    private const ulong PidfdInfoExit = 8;

    private ProcessHandle(int descriptor)
        : base(ownsHandle: true)
    {
        SetHandle(descriptor);
    }

    /// <summary>Opens the process; null when it is gone or another one has its number.</summary>
    /// <exception cref="Win32Exception">The kernel refused for another reason.</exception>
    public static ProcessHandle? TryOpen(ProcessIdentity identity)
    {
        var descriptor = (int)SystemCall(PidfdOpen, identity.ProcessId, 0, 0, 0);
        if (descriptor < 0)
        {
            const int NoSuchProcess = 3;
            var error = Marshal.GetLastPInvokeError();
            return error == NoSuchProcess ? null : throw new Win32Exception(error, $"Process {identity.ProcessId} could not be opened");
        }

        var handle = new ProcessHandle(descriptor);

        // Only now is the number pinned: check that it still means the same process. A zombie is fine, its end can be collected.
        if (ProcessIdentity.Read(identity.ProcessId)?.Identity != identity)
        {
            handle.Dispose();
            return null;
        }

        return handle;
    }

    /// <summary>Sends <paramref name="signal"/>; false when the process is gone already.</summary>
    public bool Signal(int signal)
    {
        var added = false;
        try
        {
            DangerousAddRef(ref added);
            return SystemCall(PidfdSendSignal, handle, signal, 0, 0) == 0;
        }
        finally
        {
            if (added)
            {
                DangerousRelease();
            }
        }
    }

    /// <summary>Completes when the process has ended; reaps it when it is our child.</summary>
    public async Task<ExitStatus> WaitForExitAsync(CancellationToken cancellationToken = default)
    {
        await ExitWatcher.WaitAsync(this, cancellationToken).ConfigureAwait(false);
        return Collect();
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Close((int)handle) == 0;

    private unsafe ExitStatus Collect()
    {
        var added = false;
        try
        {
            DangerousAddRef(ref added);

            // siginfo_t: si_code at 8, si_status at 24 (x86-64 and arm64).
            var information = stackalloc byte[128];

            // SAFETY: the 128 bytes of siginfo_t live on this stack frame for the whole call.
            var result = WaitId(WaitByPidfd, (uint)handle, information, WaitExited | WaitNoHang);
            if (result == 0 && *(int*)information != 0)
            {
                const int ChildExited = 1;
                var code = *(int*)(information + 8);
                var status = *(int*)(information + 24);
                return code == ChildExited ? new(status, null) : new(null, status);
            }

            return result != 0 && Marshal.GetLastPInvokeError() == NoChild ? AskKernel() : ExitStatus.Unknown;
        }
        finally
        {
            if (added)
            {
                DangerousRelease();
            }
        }
    }

    /// <summary>The end of a process that was not our child: newer kernels keep it with the pidfd once its parent has reaped it.</summary>
    private unsafe ExitStatus AskKernel()
    {
        // struct pidfd_info: mask u64, cgroup id u64, eleven u32, exit code i32.
        var information = stackalloc ulong[8];
        new Span<ulong>(information, 8).Clear();
        information[0] = PidfdInfoExit;

        // SAFETY: the 64 bytes that the request number announces live on this stack frame for the whole call.
        var result = Ioctl((int)handle, PidfdGetInfo, information);
        return result == 0 && (information[0] & PidfdInfoExit) != 0
            ? ExitStatus.FromWaitStatus(((int*)information)[15])
            : ExitStatus.Unknown;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(long number, nint first, nint second, nint third, nint fourth);

    [LibraryImport("libc", EntryPoint = "waitid", SetLastError = true)]
    private static unsafe partial int WaitId(int type, uint id, byte* information, int options);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static unsafe partial int Ioctl(int descriptor, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
