using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Storage.FrontEnds;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Plane;

/// <summary>Serves one image without a plane: <c>vireo-storage serve IMAGE --socket PATH</c>. For tools, tests and benchmarks.</summary>
internal static class StandaloneServer
{
    /// <summary>Serves until SIGTERM or SIGINT, then closes the image cleanly.</summary>
    /// <exception cref="ImageException">The image cannot be opened.</exception>
    public static async Task<int> RunAsync(DiskAttachment attachment, IReadOnlyList<IFrontEndFactory> frontEnds, TimeProvider time)
    {
        using var loggers = LoggerFactory.Create(logging => logging.AddSimpleConsole().SetMinimumLevel(LogLevel.Warning));
        var logger = loggers.CreateLogger("vireo-storage");
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        var image = ImageFile.Open(attachment.Path, new ImageOpenOptions(attachment.ReadOnly));
        var stack = new DiskStack(image, attachment.Path, violation => logger.LogViolation(violation.Message, violation.Cause));
        await using (stack.ConfigureAwait(false))
        {
            var frontEnd = frontEnds.First(factory => factory.Kind == attachment.FrontEnd).Start(new FrontEndContext(attachment, stack, loggers, time));
            await using (frontEnd.ConfigureAwait(false))
            {
                await stop.Task.ConfigureAwait(false);
            }
        }

        return 0;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.TrySetResult();
        }
    }
}

internal static partial class StandaloneLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "{Rule}")]
    public static partial void LogViolation(this ILogger logger, string rule, Exception? cause);
}
