using System.Runtime.InteropServices;

namespace Vireo.Platform.Sockets;

/// <summary>A listening Unix stream socket. Its file is removed when the listener is disposed.</summary>
public sealed partial class UnixListener : IDisposable
{
    private UnixListener(Descriptor descriptor, string path)
    {
        Descriptor = descriptor;
        Path = path;
    }

    /// <summary>The listening descriptor; readable when somebody connects. It never blocks.</summary>
    public Descriptor Descriptor { get; }

    /// <summary>Where it listens.</summary>
    public string Path { get; }

    /// <summary>
    /// Listens at <paramref name="path"/>. A socket file left by a process that is gone is replaced; the folder is made when missing.
    /// </summary>
    /// <param name="path">At most 107 bytes.</param>
    /// <param name="group">Group that may connect besides the owner, or null for the owner alone.</param>
    /// <exception cref="IOException">Somebody listens there already, or the file system refused.</exception>
    public static unsafe UnixListener Listen(string path, int? group = null)
    {
        var address = UnixSocketAddress.Of(path);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!);
        RemoveStale(path);
        var descriptor = UnixConnection.NewSocket();
        var bound = false;
        try
        {
            const int backlog = 16;
            bound = UnixConnection.WithAddress(address, descriptor, Bind) == 0;

            // The mode is set before anybody can connect: connecting fails until listen.
            if (!bound || !Restrict(path, group) || StartListening(descriptor, backlog) != 0)
            {
                throw SystemCall.Failed($"The socket '{path}' could not be listened on");
            }

            return new UnixListener(descriptor, path);
        }
        catch
        {
            descriptor.Dispose();
            if (bound)
            {
                File.Delete(path);
            }

            throw;
        }
    }

    /// <summary>Takes the next connection, or null when nobody waits.</summary>
    /// <exception cref="IOException">The process has no descriptor left.</exception>
    public UnixConnection? TryAccept()
    {
        const int closeOnExecNonBlocking = 0x80000 | 0x800;
        var number = Accept(Descriptor, 0, 0, closeOnExecNonBlocking);
        if (number >= 0)
        {
            return new UnixConnection(new Descriptor(number));
        }

        const int aborted = 103;
        return Marshal.GetLastPInvokeError() is SystemCall.Again or SystemCall.Interrupted or aborted
            ? null
            : throw SystemCall.Failed($"A connection to '{Path}' could not be accepted");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!Descriptor.IsClosed)
        {
            Descriptor.Dispose();
            File.Delete(Path);
        }
    }

    private static bool Restrict(string path, int? group)
    {
        const uint ownerOnly = 0x180; // 0600
        const uint ownerAndGroup = 0x1B0; // 0660
        return group is null
            ? ChangeMode(path, ownerOnly) == 0
            : ChangeOwner(path, -1, group.Value) == 0 && ChangeMode(path, ownerAndGroup) == 0;
    }

    private static void RemoveStale(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        if (UnixConnection.TryConnect(path) is { } living)
        {
            living.Dispose();
            throw new IOException($"Another process listens on the socket '{path}' already; stop it first.");
        }

        File.Delete(path);
    }

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static unsafe partial int Bind(Descriptor socket, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    private static partial int StartListening(Descriptor socket, int backlog);

    [LibraryImport("libc", EntryPoint = "accept4", SetLastError = true)]
    private static partial int Accept(Descriptor socket, nint address, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeMode(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, int user, int group);
}
