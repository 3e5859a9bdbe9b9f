using System.Net.Sockets;
using Vireo.Platform.Files;

namespace Vireo.Storage.FrontEnds;

/// <summary>Makes the listening Unix socket of a front end, with the same rights for every kind.</summary>
public static class FrontEndSocket
{
    private const int Mode = 0x1B0; // octal 0660

    /// <summary>
    /// Listens on <paramref name="path"/>: the folder is made when missing, a socket that a killed plane left behind is unlinked, and
    /// only the owner and <paramref name="group"/> may connect (mode 0660).
    /// </summary>
    /// <exception cref="IOException">Something that is not a socket is in the way, or the system refused.</exception>
    public static Socket Listen(string path, int? group)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        Remove(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));

            // Nobody can connect before Listen, so there is no moment in which a stranger gets in.
            FileOwner.SetMode(path, Mode);
            if (group is { } id)
            {
                FileOwner.SetGroup(path, id);
            }

            socket.Listen(128);
            return socket;
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            socket.Dispose();
            throw new IOException($"The socket '{path}' could not be made: {exception.Message}", exception);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Unlinks the socket at <paramref name="path"/>, if there is one.</summary>
    /// <exception cref="IOException">Something that is not a socket is there; it is left alone.</exception>
    public static void Remove(string path)
    {
        if (!FileOwner.IsSocket(path))
        {
            if (Path.Exists(path))
            {
                throw new IOException($"'{path}' exists and is not a socket; remove it or choose another socket path.");
            }

            return;
        }

        File.Delete(path);
    }
}
