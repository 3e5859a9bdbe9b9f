using Vireo.Control.Switching;
using Vireo.Switch.Plane;
using Vireo.Switch.Threads;

namespace Vireo.Switch.Tracing;

/// <summary>The sessions of a plane. Starts to trace with the first and stops with the last. For the control side.</summary>
/// <param name="threads">The packet threads.</param>
/// <param name="clock">For the time of frames.</param>
/// <param name="nameOf">What people call a port.</param>
internal sealed class TraceSessions(PacketThreads threads, TimeProvider clock, Func<Guid, string> nameOf)
{
    private const int SessionsMax = 64;
    private const int FilesMax = 1000;
    private const int FrameBytesMax = 65_535;
    private const long FileBytesMin = 4096;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly Dictionary<Guid, Live> _live = [];

    /// <summary>Every session.</summary>
    public IReadOnlyList<TraceStatus> List()
    {
        lock (_live)
        {
            return [.. _live.Values.Select(one => one.Session.Status)];
        }
    }

    /// <summary>Starts a session whose frames the caller reads. It must be ended by <see cref="EndAsync"/>.</summary>
    /// <exception cref="Control.ControlException">It is refused.</exception>
    public Task<TraceSession> FollowAsync(TraceRequest request) => StartAsync(Guid.NewGuid(), request with { Capture = null }, 0);

    /// <summary>The same, with the first bytes of every frame.</summary>
    /// <exception cref="Control.ControlException">It is refused.</exception>
    public Task<TraceSession> FollowAsync(TraceRequest request, int frameBytes) => StartAsync(Guid.NewGuid(), request with { Capture = null }, frameBytes);

    /// <summary>Starts a session that writes files; one that is there already stays as it is.</summary>
    /// <exception cref="Control.ControlException">It is refused.</exception>
    public async Task CaptureAsync(Guid id, TraceRequest request)
    {
        if (request.Capture is null)
        {
            throw Refusals.Invalid("A trace that goes on by itself needs files to write to.", null);
        }

        await StartAsync(id, request, 0);
    }

    /// <summary>Ends a session; one that is not there has ended.</summary>
    public async Task EndAsync(Guid id)
    {
        await _gate.WaitAsync();
        try
        {
            Live? live;
            lock (_live)
            {
                if (!_live.Remove(id, out live))
                {
                    return;
                }
            }

            await PublishAsync();
            live.Session.Complete();
            await live.Writing;
            live.Files?.Dispose();
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Ends all.</summary>
    public async Task EndAllAsync()
    {
        foreach (var one in List())
        {
            await EndAsync(one.Id);
        }
    }

    private async Task<TraceSession> StartAsync(Guid id, TraceRequest request, int frameBytes)
    {
        if (!TraceFilter.TryParse(request.Filter, out var filter, out var fault))
        {
            throw Refusals.Invalid(fault, request.Filter);
        }

        await _gate.WaitAsync();
        try
        {
            lock (_live)
            {
                if (_live.TryGetValue(id, out var known))
                {
                    return known.Session;
                }
            }

            if (List().Count == SessionsMax)
            {
                throw Refusals.Invalid($"{SessionsMax} traces run already; end one of them first.", null);
            }

            var session = new TraceSession(id, request, filter, frameBytes);
            var files = request.Capture is null ? null : Open(request.Capture);
            lock (_live)
            {
                _live.Add(id, new Live(session, files, files is null ? Task.CompletedTask : Task.Run(() => WriteAsync(session, files))));
            }

            await PublishAsync();
            return session;
        }
        finally
        {
            _gate.Release();
        }
    }

    private CaptureFiles Open(CaptureRequest request)
    {
        if (!Path.IsPathRooted(request.Path) || Path.GetFileName(request.Path).Length == 0)
        {
            throw Refusals.Invalid($"'{request.Path}' is not the absolute path of a file.", request.Path);
        }

        if (request.FileBytes is < 0 or (> 0 and < FileBytesMin) || request.Files is < 0 or > FilesMax || request.FrameBytes is < 0 or > FrameBytesMax
            || request.Direction is < CaptureDirection.In or > CaptureDirection.Both)
        {
            throw Refusals.Invalid($"A capture has files of at least {FileBytesMin} bytes, at most {FilesMax} of them, at most {FrameBytesMax} bytes of a frame, and a direction.", request.Path);
        }

        var files = new CaptureFiles(request, nameOf);
        try
        {
            files.Open();
            return files;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            files.Dispose();
            throw Refusals.Failed($"The capture '{request.Path}' could not be made. {exception.Message}", request.Path, exception);
        }
    }

    private static async Task WriteAsync(TraceSession session, CaptureFiles files)
    {
        try
        {
            await files.RunAsync(session);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            session.Fail($"The capture '{session.Request.Capture!.Path}' could not be written any more. {exception.Message}");
        }
    }

    private Task PublishAsync()
    {
        TraceSession[] sessions;
        lock (_live)
        {
            sessions = [.. _live.Values.Select(one => one.Session)];
        }

        return threads.StopAsync(() =>
        {
            foreach (var thread in threads.All)
            {
                thread.Forwarder.Tracer = sessions.Length == 0 ? null : new FrameTracer(clock, thread.Forwarder.Tracer) { Sessions = sessions };
            }
        });
    }

    private sealed record Live(TraceSession Session, CaptureFiles? Files, Task Writing);
}
