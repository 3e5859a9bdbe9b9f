using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Vireo.Disks;
using Vireo.Storage.FrontEnds;
using Vireo.Storage.Layers;
using Vireo.Storage.NbdClient;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Plane;

/// <summary>
/// Serves one image without a plane, in the foreground: <c>vireo-storage serve IMAGE --socket PATH</c>. For tools, tests and benchmarks, and for the
/// host's mounted disks, whose image is the NBD address of the plane.
/// </summary>
internal static class StandaloneServer
{
    // A file system may stand on what is served: a server that is started again is waited for longer than a guest would wait.
    private static readonly NbdClientOptions s_patient = NbdClientOptions.Default with { ReconnectFor = TimeSpan.FromMinutes(2) };

    /// <summary>Serves until SIGTERM or SIGINT, then closes the image cleanly and says what its layers tell.</summary>
    /// <exception cref="ImageException">The image cannot be opened, or not be closed cleanly.</exception>
    /// <exception cref="IOException">The image cannot be shown as a file or device.</exception>
    /// <exception cref="FormatException">A layer cannot be made; the message says why.</exception>
    public static async Task<int> RunAsync(ServeArguments arguments, IReadOnlyList<IFrontEndFactory> frontEnds, TimeProvider time)
    {
        using var loggers = LoggerFactory.Create(logging => logging.AddSimpleConsole().SetMinimumLevel(LogLevel.Warning));
        var logger = loggers.CreateLogger("vireo-storage");
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        var catalog = LayerCatalog.BuiltIn(time);
        var attachment = arguments.Attachment;
        var layers = arguments.Layers.Select(specification => (Kind: Find(catalog, specification.Kind), Specification: specification)).ToList();
        var image = NbdAddress.IsNbd(attachment.Path)
            ? await NbdImage.OpenAsync(attachment.Path, s_patient, time).ConfigureAwait(false)
            : ImageFile.Open(attachment.Path, arguments.Open);
        var stack = new DiskStack(image, attachment.Path, violation => logger.LogViolation(violation.Message, violation.Cause));
        await using (stack.ConfigureAwait(false))
        {
            foreach (var (kind, specification) in layers)
            {
                var settings = new LayerSettings(specification.Settings);
                var layer = kind.Make(specification, settings);
                settings.RefuseUnknown();
                await stack.InsertAsync(layer).ConfigureAwait(false);
            }

            var frontEnd = frontEnds.First(factory => factory.Kind == attachment.FrontEnd).Start(new FrontEndContext(attachment, stack, loggers, time));
            await using (frontEnd.ConfigureAwait(false))
            {
                if (arguments.File is { } file)
                {
                    await FuseFile.ShowAsync(file, attachment.SocketPath, stack.Capabilities.ReadOnly, stop.Task).ConfigureAwait(false);
                }
                else if (arguments.IsDevice)
                {
                    await KernelDevice.ServeAsync(attachment.SocketPath, stack.Geometry.LogicalSectorBytes, stop.Task).ConfigureAwait(false);
                }
                else
                {
                    await stop.Task.ConfigureAwait(false);
                }
            }

            foreach (var (layer, (kind, _)) in stack.Layers.Zip(layers))
            {
                foreach (var (name, value) in kind.Report(layer))
                {
                    await Console.Out.WriteLineAsync($"{layer.Name} {name} {value}").ConfigureAwait(false);
                }
            }
        }

        return 0;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.TrySetResult();
        }
    }

    private static LayerKind Find(LayerCatalog catalog, string kind) =>
        catalog.Find(kind) ?? throw new FormatException($"there is no kind of layer called '{kind}'; there are {string.Join(", ", catalog.Kinds)}");
}

internal static partial class StandaloneLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "{Rule}")]
    public static partial void LogViolation(this ILogger logger, string rule, Exception? cause);
}
