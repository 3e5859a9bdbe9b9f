using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Vireo.Platform.Files;

/// <summary>Whom a file or folder belongs to.</summary>
public static partial class FileOwner
{
    /// <summary>Gives <paramref name="path"/> to a user and group (chown(2)).</summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public static void Set(string path, int userId, int groupId)
    {
        if (ChangeOwner(path, userId, groupId) != 0)
        {
            var reason = new Win32Exception(Marshal.GetLastPInvokeError());
            throw new IOException($"'{path}' could not be given to user {userId}: {reason.Message}.", reason);
        }
    }

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, int userId, int groupId);
}
