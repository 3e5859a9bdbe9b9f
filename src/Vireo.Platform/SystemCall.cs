using System.Runtime.InteropServices;

namespace Vireo.Platform;

/// <summary>Turns a failed system call into an exception, and names the errors that callers branch on.</summary>
public static class SystemCall
{
    /// <summary>EINTR: a signal arrived first; try again.</summary>
    public const int Interrupted = 4;

    /// <summary>EAGAIN: nothing to read, or no room to write.</summary>
    public const int Again = 11;

    /// <summary>An exception saying that <paramref name="what"/>, followed by the reason of the last failed call on this thread.</summary>
    public static IOException Failed(string what)
    {
        var error = Marshal.GetLastPInvokeError();
        return new IOException($"{what}: {Marshal.GetPInvokeErrorMessage(error)}.", error);
    }
}
