using Microsoft.Extensions.Logging;
using Vireo.Control.Storage;
using Vireo.Platform.Events;
using Vireo.Vhost;

namespace Vireo.Storage.FrontEnds.VhostUserBlock;

/// <summary>
/// Serves one disk to one virtual machine over vhost-user-blk, on a reactor that it shares with other disks: nothing on it waits for a disk, so
/// a slow one does not hold up another, and an idle one costs no thread.
/// </summary>
public sealed partial class VhostUserBlockFrontEnd : IFrontEnd
{
    private readonly Reactor _reactor;
    private readonly VhostUserBlockDevice _device;
    private readonly VhostUserBackend _backend;

    private VhostUserBlockFrontEnd(Reactor reactor, VhostUserBlockDevice device, VhostUserBackend backend)
    {
        _reactor = reactor;
        _device = device;
        _backend = backend;
    }

    /// <inheritdoc/>
    public int Connections => _backend.IsConnected ? 1 : 0;

    /// <summary>The thread that serves.</summary>
    internal Reactor Reactor => _reactor;

    /// <summary>What went through.</summary>
    public BlockCounters Counters => _device.Counters;

    /// <summary>How many virtual machines have connected so far, one after the other.</summary>
    public long ConnectionsSoFar => _backend.Connections;

    /// <summary>Listens on the socket of <paramref name="context"/>.</summary>
    /// <param name="context">Disk and socket.</param>
    /// <param name="reactors">Of which one serves; the process's own when null.</param>
    /// <exception cref="IOException">The socket could not be made.</exception>
    public static VhostUserBlockFrontEnd Start(FrontEndContext context, ReactorPool? reactors = null)
    {
        var attachment = context.Attachment;
        var logger = context.Loggers.CreateLogger<VhostUserBlockFrontEnd>();
        var reactor = (reactors ?? ReactorPool.Shared).Next();
        var device = new VhostUserBlockDevice(context.Disk, attachment.Id, attachment.Queues, reactor, context.Stalled);
        var options = new VhostUserBackendOptions
        {
            Name = $"the disk '{attachment.Path}'",
            SocketGroup = attachment.SocketGroup,
            Observer = occurrence => Log(logger, occurrence),
        };
        var listening = VhostUserBackend.ListenAsync(reactor, device, attachment.SocketPath, options);
        return new VhostUserBlockFrontEnd(reactor, device, listening.GetAwaiter().GetResult());
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _backend.DisposeAsync();

    private static void Log(ILogger logger, VhostUserEvent occurrence)
    {
        if (occurrence.Kind is VhostUserEventKind.QueueBroken or VhostUserEventKind.MessageRejected)
        {
            LogTrouble(logger, occurrence.Message);
        }
        else
        {
            LogEvent(logger, occurrence.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Message}")]
    private static partial void LogEvent(ILogger logger, string message);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Message}")]
    private static partial void LogTrouble(ILogger logger, string message);
}

/// <summary>Makes the front ends of <see cref="FrontEndKind.VhostUserBlock"/>.</summary>
/// <param name="reactors">The pool that serves; the process's own when null.</param>
public sealed class VhostUserBlockFrontEndFactory(ReactorPool? reactors = null) : IFrontEndFactory
{
    /// <inheritdoc/>
    public FrontEndKind Kind => FrontEndKind.VhostUserBlock;

    /// <inheritdoc/>
    public IFrontEnd Start(FrontEndContext context) => VhostUserBlockFrontEnd.Start(context, reactors);
}
