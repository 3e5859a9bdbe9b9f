using System.Runtime.InteropServices;

namespace Vireo.Cli.Output;

/// <summary>Whoever reads our output, when that is a pipe: poll(2) tells when the other end is closed, without a byte being written.</summary>
internal static partial class OutputReader
{
    private const int StandardOutput = 1;
    private const short Error = 0x8; // POLLERR: the reading end of the pipe is closed
    private const short HangUp = 0x10; // POLLHUP
    private const int Interrupted = 4; // EINTR

    /// <summary>Calls <paramref name="gone"/> when nobody reads any more; for the rest of the program.</summary>
    public static void WhenGone(Action gone) => new Thread(() =>
    {
        var output = new PollDescriptor { Descriptor = StandardOutput };
        int ready;
        do
        {
            ready = Poll(ref output, 1, -1);
        }
        while (ready < 0 && Marshal.GetLastPInvokeError() == Interrupted);
        if (ready > 0 && (output.Happened & (Error | HangUp)) != 0)
        {
            try
            {
                gone();
            }
            catch (ObjectDisposedException)
            {
                // The program has ended what this would end.
            }
        }
    })
    { IsBackground = true }.Start();

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(ref PollDescriptor descriptors, nuint count, int timeoutMilliseconds);

    // struct pollfd
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Wanted;
        public short Happened;
    }
}
