using System.Runtime.InteropServices;
using Vireo.Platform.Files;

namespace Vireo.Platform.Sockets;

/// <summary>A listening Unix stream socket. Its file is removed when the listener is disposed.</summary>
public sealed partial class UnixListener : IDisposable
{
    private const int OwnerAndGroup = 0x1B0; // octal 0660

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
    /// <param name="group">Group that may connect besides the owner; the process's own group when null.</param>
    /// <exception cref="IOException">Somebody listens there already, or the file system refused.</exception>
    public static UnixListener Listen(string path, int? group = null)
    {
        var address = UnixSocketAddress.Of(path);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!);
        RemoveStale(path);
        var descriptor = UnixConnection.NewSocket();
        var bound = false;
        try
        {
            const int backlog = 16;
            bound = Bind(descriptor, address, UnixSocketAddress.LengthBytes) == 0;

            if (!bound)
            {
                throw SystemCall.Failed($"The socket '{path}' could not be made");
            }

            // Set before anybody can connect: connecting fails until the socket listens.
            FileOwner.SetMode(path, OwnerAndGroup);
            if (group is { } id)
            {
                FileOwner.SetGroup(path, id);
            }

            if (StartListening(descriptor, backlog) != 0)
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

    private static void RemoveStale(string path)
    {
        if (!FileOwner.IsSocket(path))
        {
            if (System.IO.Path.Exists(path))
            {
                throw new IOException($"'{path}' exists and is not a socket; remove it or choose another socket path.");
            }

            return;
        }

        if (UnixConnection.TryConnect(path) is { } living)
        {
            living.Dispose();
            throw new IOException($"Another process listens on the socket '{path}' already; stop it first.");
        }

        // A socket whose queue is full is alive too, so only a refusal proves that nobody listens.
        const int refused = 111;
        if (Marshal.GetLastPInvokeError() != refused)
        {
            throw SystemCall.Failed($"Whether somebody listens on the socket '{path}' cannot be told");
        }

        File.Delete(path);
    }

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(Descriptor socket, ReadOnlySpan<byte> address, uint length);

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    private static partial int StartListening(Descriptor socket, int backlog);

    [LibraryImport("libc", EntryPoint = "accept4", SetLastError = true)]
    private static partial int Accept(Descriptor socket, nint address, nint length, int flags);
}
