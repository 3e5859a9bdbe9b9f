using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Storage.FrontEnds;
using Vireo.Storage.FrontEnds.Nbd;
using Vireo.Storage.FrontEnds.VhostUserBlock;
using Vireo.Storage.Plane;

// A request blocks its thread while the file system works; a few more threads than processors keep the others going.
ThreadPool.SetMinThreads(16, 16);

// Every kind of front end is registered here.
IReadOnlyList<IFrontEndFactory> frontEnds = [new NbdFrontEndFactory(), new VhostUserBlockFrontEndFactory()];

try
{
    switch (args)
    {
        case []:
            return await StoragePlane.RunAsync(HostPaths.Default, frontEnds, TimeProvider.System);
        case ["--root", var root]:
            return await StoragePlane.RunAsync(HostPaths.ForRoot(root), frontEnds, TimeProvider.System);
        case ["check", var image]:
            return DiskCheck.Run(image, Console.Out);
        case ["serve", var image, "--socket", var socket, .. var rest] when rest is [] or ["--read-only"]:
            return await StandaloneServer.RunAsync(
                new DiskAttachment(Guid.NewGuid(), image, ReadOnly: rest.Length > 0, FrontEndKind.Nbd, socket), frontEnds, TimeProvider.System);
        case ["serve", var image, "--vhost-user", var socket, .. var rest] when rest is [] or ["--read-only"]:
            return await StandaloneServer.RunAsync(
                new DiskAttachment(Guid.NewGuid(), image, ReadOnly: rest.Length > 0, FrontEndKind.VhostUserBlock, socket, Queues: 4), frontEnds, TimeProvider.System);
        default:
            Console.Error.WriteLine("Usage: vireo-storage [--root FOLDER] | vireo-storage serve IMAGE --socket|--vhost-user PATH [--read-only]");
            return 2;
    }
}
catch (Exception exception) when (exception is IOException or InvalidDataException or UnauthorizedAccessException or ImageException or ControlException)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
