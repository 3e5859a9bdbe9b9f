using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vireo.Control;
using Vireo.Platform.Files;
using Vireo.Storage.FrontEnds;
using Vireo.Storage.Layers;

namespace Vireo.Storage.Plane;

/// <summary>The storage plane of one host: opens the disks of its state file, then listens on its control socket until it is stopped.</summary>
public static class StoragePlane
{
    private const int ControlSocketMode = 0x1B0; // octal 0660
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Runs until SIGTERM or SIGINT, then closes every disk cleanly. Returns the exit code.</summary>
    public static async Task<int> RunAsync(HostPaths paths, IReadOnlyList<IFrontEndFactory> frontEnds, TimeProvider time)
    {
        Directory.CreateDirectory(paths.Run);
        using var instance = await TryLockInstanceAsync(Path.Combine(paths.Run, "storage.lock"), time).ConfigureAwait(false);
        if (instance is null)
        {
            await Console.Error.WriteLineAsync($"A storage plane is running already for '{paths.State}'.").ConfigureAwait(false);
            return 1;
        }

        FrontEndSocket.Remove(paths.StorageSocket);
        AtomicFile.Sweep(paths.StorageState);
        AtomicFile.Sweep(paths.StorageCreations);

        // Empty: the others read settings from the working folder, and watch all that is below it, which may be on a disk that waits for this plane.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Services.AddRoutingCore();
        builder.Logging.ClearProviders();
        builder.Logging.AddSimpleConsole(options => options.SingleLine = true);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            options.Limits.MaxRequestBodySize = ControlApi.MaximumBodyBytes;
            options.ListenUnixSocket(paths.StorageSocket);
        });
        var app = builder.Build();
        await using (app.ConfigureAwait(false))
        {
            var loggers = app.Services.GetRequiredService<ILoggerFactory>();
            var disks = new DiskRegistry(paths.StorageState, frontEnds, LayerCatalog.BuiltIn(time), loggers, time);
            await using (disks.ConfigureAwait(false))
            {
                await disks.RestoreAsync().ConfigureAwait(false);
                var images = new ImageService(disks);
                new ControlApi(disks, images, new ImageCreations(paths.StorageCreations, images.Create), loggers.CreateLogger<ControlApi>()).Map(app);
                await app.StartAsync().ConfigureAwait(false);
                FileOwner.SetMode(paths.StorageSocket, ControlSocketMode);
                await app.WaitForShutdownAsync().ConfigureAwait(false);
            }
        }

        FrontEndSocket.Remove(paths.StorageSocket);
        return 0;
    }

    // The lock vanishes with the process, however it ends, so a stale file is no obstacle. A process that was killed in the middle of a
    // flush takes a moment to end, and is waited for.
    private static async Task<NativeFile?> TryLockInstanceAsync(string path, TimeProvider time)
    {
        var file = NativeFile.TryOpen(path, writable: true, out _) ?? NativeFile.TryCreate(path, out _) ?? NativeFile.TryOpen(path, writable: true, out _)
            ?? throw new IOException($"The lock file '{path}' cannot be opened.");
        var begun = time.GetTimestamp();
        while (!FileLock.TryLock(file, exclusive: true, 0, 1))
        {
            if (time.GetElapsedTime(begun) > s_patience)
            {
                file.Dispose();
                return null;
            }

            // Allowed: a lock has no event to wait on, and the clock is the one that was passed in.
            await Task.Delay(s_pause, time).ConfigureAwait(false);
        }

        return file;
    }
}
