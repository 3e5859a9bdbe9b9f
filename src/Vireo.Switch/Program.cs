using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging.Console;
using Vireo.Control;
using Vireo.Switch.Lab;
using Vireo.Switch.Plane;

if (args is ["lab", .. var rest])
{
    return await LabSwitch.RunAsync(rest);
}

if (!PlaneArguments.TryParse(args, Environment.GetEnvironmentVariable(PlaneArguments.PacketThreadsVariable), out var root, out var packetThreads))
{
    await Console.Error.WriteLineAsync(PlaneArguments.Usage);
    return 2;
}

var paths = HostPaths.ForRoot(root);
Directory.CreateDirectory(paths.State);
Directory.CreateDirectory(paths.Run);

// Held as long as the process lives, however it ends: a second plane would take the ports away from the first.
FileStream only;
try
{
    only = new FileStream(Path.Combine(paths.Run, "switch.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
}
catch (IOException)
{
    await Console.Error.WriteLineAsync($"Another switch plane serves '{paths.Run}' already; stop it first.");
    return 1;
}

await using (only)
{
    // Empty: the others read settings from the working folder, and watch all that is below it, which may be on a disk that waits.
    var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
    builder.Services.AddRoutingCore();
    builder.Logging.ClearProviders();
    builder.Logging.AddSimpleConsole(options =>
    {
        options.SingleLine = true;
        options.ColorBehavior = LoggerColorBehavior.Disabled;
        options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        options.UseUtcTimestamp = true;
    });
    builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
    File.Delete(paths.SwitchSocket);
    builder.WebHost.UseKestrelCore().ConfigureKestrel(options => options.ListenUnixSocket(paths.SwitchSocket));
    await using var application = builder.Build();
    var log = application.Services.GetRequiredService<ILoggerFactory>().CreateLogger("SwitchPlane");
    SwitchPlane plane;
    try
    {
        plane = await SwitchPlane.StartAsync(paths, TimeProvider.System, new Random(), log, packetThreads);
    }
    catch (InvalidDataException exception)
    {
        await Console.Error.WriteLineAsync(exception.Message);
        return 1;
    }

    await using (plane)
    {
        // A thread that an extension has begun throws: the extension goes, the plane stays.
        ExceptionHandling.SetUnhandledExceptionHandler(plane.IsOfExtension);
        ControlApi.Map(application, plane);
        await application.RunAsync();
    }
}

return 0;
