using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Abstractions;
using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Switch.Plane;

namespace Vireo.Switch.Lab;

/// <summary>
/// One switch in the foreground: a switch plane of its own whose folder goes with it, for load generators and for people who write extensions.
/// </summary>
internal static class LabSwitch
{
    /// <summary>Runs until somebody asks to stop.</summary>
    /// <returns>The exit status.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        if (arguments is [] or ["--help"] or ["-h"])
        {
            await Console.Out.WriteAsync(LabArguments.Usage);
            return arguments.Count == 0 ? 2 : 0;
        }

        if (!LabArguments.TryParse(arguments, out var asked, out var fault))
        {
            await Console.Error.WriteLineAsync(fault);
            return 2;
        }

        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        var folder = Directory.CreateTempSubdirectory("vireo-lab-");
        try
        {
            return await RunAsync(asked!, HostPaths.ForRoot(folder.FullName), stop.Task);
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        void OnSignal(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.TrySetResult();
        }
    }

    private static async Task<int> RunAsync(LabArguments asked, HostPaths paths, Task stop)
    {
        Directory.CreateDirectory(paths.State);
        Directory.CreateDirectory(paths.Run);
        var plane = await SwitchPlane.StartAsync(paths, TimeProvider.System, new Random(), NullLogger.Instance, asked.PacketThreads);
        ExceptionHandling.SetUnhandledExceptionHandler(plane.IsOfExtension);
        try
        {
            await BuildAsync(plane, asked);
            foreach (var port in asked.Ports)
            {
                await Console.Out.WriteLineAsync($"port {port.Kind} {port.SocketPath ?? port.InterfaceName}");
            }

            await Console.Out.WriteLineAsync("ready");
            await stop;
            foreach (var port in await plane.ListPortsAsync())
            {
                var counted = port.Statistics;
                var dropped = string.Join(", ", counted.Dropped.Select(pair => $"{pair.Value} {pair.Key}"));
                await Console.Out.WriteLineAsync(
                    $"{port.Port.SocketPath ?? port.Port.InterfaceName}: {counted.FramesIn} frames in, {counted.FramesOut} out{(dropped.Length == 0 ? "" : $", dropped {dropped}")}");
            }

            return 0;
        }
        catch (ControlException refused)
        {
            await Console.Error.WriteLineAsync(refused.Error.Message);
            return 1;
        }
        finally
        {
            foreach (var port in asked.Ports)
            {
                await plane.RemovePortAsync(port.Id);
            }

            await plane.DisposeAsync();
        }
    }

    private static async Task BuildAsync(SwitchPlane plane, LabArguments asked)
    {
        List<SwitchExtensionSpecification> extensions = [];
        foreach (var path in asked.Extensions)
        {
            var installed = await plane.InstallExtensionAsync(new InstallExtension(path));
            extensions.Add(new SwitchExtensionSpecification(installed.Id, Enabled: true));
        }

        await plane.PutSwitchAsync(asked.Switch with { Extensions = extensions });
        foreach (var port in asked.Ports)
        {
            await plane.PutPortAsync(port);
        }
    }
}
