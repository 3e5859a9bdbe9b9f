using System.Net.Sockets;
using Vireo.Control;
using Vireo.Host;

// The host plane: what should exist. `vireo-host [--root DIR]`.
var options = HostOptions.Parse(args, Console.Error);
if (options is null)
{
    return 2;
}

var paths = HostPaths.ForRoot(options.Root);
Directory.CreateDirectory(paths.State);
Directory.CreateDirectory(paths.Run);

// One host to a root: the lock goes with the process, whatever ends it.
FileStream only;
try
{
    only = new FileStream(Path.Combine(paths.Run, "host.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
}
catch (IOException)
{
    Console.Error.WriteLine($"A Vireo host with the root '{paths.State}' is running already.");
    return 1;
}

try
{
    await using var host = await HostAssembly.CreateAsync(paths);
    await host.RunAsync();
    return 0;
}
catch (Exception error) when (error is Vireo.Host.Store.StateFileException or IOException or UnauthorizedAccessException or SocketException or InvalidOperationException)
{
    Console.Error.WriteLine($"The host cannot run: {error.Message}");
    return 1;
}
finally
{
    only.Dispose();
}
