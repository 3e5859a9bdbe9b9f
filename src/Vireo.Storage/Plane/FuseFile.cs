using System.ComponentModel;
using System.Diagnostics;
using Vireo.Platform.Files;

namespace Vireo.Storage.Plane;

/// <summary>
/// What an NBD server of ours serves, as a file: libnbd's <c>nbdfuse</c> mounts it. Programs that know no image formats read and write the
/// disk there, and the kernel's loop devices stand on it. Unmounting the file (<c>umount PATH</c>) ends it.
/// </summary>
internal static class FuseFile
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>Shows the disk until the file is unmounted or <paramref name="stop"/> completes.</summary>
    /// <param name="path">The file; made when it is missing, and removed at the end.</param>
    /// <param name="socketPath">Where the NBD server listens.</param>
    /// <param name="isReadOnly">Whether the file refuses writes.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="IOException"><c>nbdfuse</c> is missing or refused; the message says why.</exception>
    public static async Task ShowAsync(string path, string socketPath, bool isReadOnly, Task stop)
    {
        await File.AppendAllTextAsync(path, string.Empty).ConfigureAwait(false);
        try
        {
            string[] readOnly = isReadOnly ? ["-r"] : [];
            using var program = Start([.. readOnly, path, $"nbd+unix:///?socket={Uri.EscapeDataString(socketPath)}"]);
            var ended = program.WaitForExitAsync(CancellationToken.None);
            await Task.WhenAny(ended, stop).ConfigureAwait(false);
            if (!ended.IsCompleted)
            {
                await EndAsync(program, path, ended).ConfigureAwait(false);
            }
            else if (program.ExitCode != 0)
            {
                throw new IOException($"'{path}' could not be shown as a file: nbdfuse ended with status {program.ExitCode}; what it said stands above.");
            }
        }
        finally
        {
            // Where nbdfuse was killed, a name without a file behind it is left.
            if (MountTable.IsMounted(path))
            {
                await UnmountAsync(path).ConfigureAwait(false);
            }

            File.Delete(path);
        }
    }

    private static Process Start(string[] arguments)
    {
        try
        {
            return Process.Start(new ProcessStartInfo("nbdfuse", arguments) { UseShellExecute = false })!;
        }
        catch (Win32Exception exception)
        {
            throw new IOException($"An image is shown as a file by nbdfuse, which cannot be run: {exception.Message}. It comes with the package libnbd-bin or nbdfuse.", exception);
        }
    }

    // A lazy unmount takes the name away at once; nbdfuse ends when the last program has closed the file.
    private static async Task EndAsync(Process program, string path, Task ended)
    {
        await UnmountAsync(path).ConfigureAwait(false);
        try
        {
            await ended.WaitAsync(s_patience).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            program.Kill();
            await ended.ConfigureAwait(false);
        }
    }

    private static async Task UnmountAsync(string path)
    {
        using var unmount = Process.Start(new ProcessStartInfo("umount", ["-l", path]) { UseShellExecute = false });
        await unmount!.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
    }
}
