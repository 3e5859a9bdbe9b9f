using Microsoft.Extensions.Logging;
using Vireo.Control.Storage;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.FrontEnds;

/// <summary>
/// A server that offers one <see cref="DiskStack"/> on one Unix socket. Disposing stops listening, drops the connections, waits for the
/// requests it submitted, and unlinks the socket; the stack itself stays open and belongs to the plane.
/// </summary>
public interface IFrontEnd : IAsyncDisposable
{
    /// <summary>Clients connected now.</summary>
    int Connections { get; }
}

/// <summary>What a front end is given when it starts.</summary>
/// <param name="Attachment">Socket path, group, queues, mode. The front end unlinks a stale socket and gives the new one mode 0660 and the group (see <see cref="FrontEndSocket"/>).</param>
/// <param name="Disk">The disk to serve.</param>
/// <param name="Loggers">For messages about peers; the data path logs nothing per request.</param>
/// <param name="Time">The clock.</param>
/// <param name="Stalled">
/// A front end that can makes its guest wait while the storage below is full or broken, and tells this why when it begins to, and null when it does no more; without it
/// the guest gets the errors.
/// </param>
public sealed record FrontEndContext(DiskAttachment Attachment, DiskStack Disk, ILoggerFactory Loggers, TimeProvider Time, Action<Vireo.Disks.BlockStatus?>? Stalled = null);

/// <summary>Makes front ends of one kind. Built-in kinds are registered in <c>Program</c> by the same call that any other would use.</summary>
public interface IFrontEndFactory
{
    /// <summary>The kind that <see cref="DiskAttachment.FrontEnd"/> names.</summary>
    FrontEndKind Kind { get; }

    /// <summary>Starts to listen; the socket accepts connections when the call returns.</summary>
    /// <exception cref="IOException">The socket could not be made; nothing is left behind.</exception>
    IFrontEnd Start(FrontEndContext context);
}

/// <summary>A server that offers one <see cref="DiskStack"/> to other hosts, beside its front end.</summary>
public interface INetworkFrontEnd : IFrontEnd
{
    /// <summary>Address and real port.</summary>
    string Address { get; }
}

/// <summary>Makes servers for other hosts.</summary>
public interface INetworkFrontEndFactory
{
    /// <summary>Starts to listen on <paramref name="address"/>; connections are accepted when the call returns.</summary>
    /// <param name="context">The attachment names the certificates and the peer that is let in.</param>
    /// <param name="address">Address and port; port 0 for one that is free.</param>
    /// <exception cref="IOException">The address or the certificates are wrong, or the port is taken; nothing is left behind.</exception>
    INetworkFrontEnd StartNetwork(FrontEndContext context, string address);
}
