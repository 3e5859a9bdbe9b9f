using Vireo.Control;
using Vireo.Disks;
using Vireo.Disks.Files;
using Vireo.Smb;
using Vireo.Storage.FrontEnds;
using Vireo.Storage.FrontEnds.Nbd;
using Vireo.Storage.FrontEnds.VhostUserBlock;
using Vireo.Storage.Plane;

// What may wait for a disk runs on pool threads; a few more than processors keep the others going.
ThreadPool.SetMinThreads(16, 16);

// Every kind of front end is registered here.
IReadOnlyList<IFrontEndFactory> frontEnds = [new NbdFrontEndFactory(), new VhostUserBlockFrontEndFactory()];

try
{
    switch (args)
    {
        case []:
            SmbServers.Logins = new SmbLoginFile(HostPaths.Default.SmbLogins);
            return await StoragePlane.RunAsync(HostPaths.Default, frontEnds, TimeProvider.System);
        case ["--root", var root]:
            SmbServers.Logins = new SmbLoginFile(HostPaths.ForRoot(root).SmbLogins);
            return await StoragePlane.RunAsync(HostPaths.ForRoot(root), frontEnds, TimeProvider.System);
        case ["check", var image]:
            return DiskCheck.Run(image, Console.Out);
        case ["serve", .. var rest]:
            return await StandaloneServer.RunAsync(ServeArguments.Parse(rest), frontEnds, TimeProvider.System);
        default:
            Console.Error.WriteLine($"Usage: vireo-storage [--root FOLDER] | vireo-storage check IMAGE | vireo-storage {ServeArguments.Usage}");
            return 2;
    }
}
catch (Exception exception) when (exception is IOException or InvalidDataException or UnauthorizedAccessException or ImageException or ControlException)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
catch (FormatException exception)
{
    Console.Error.WriteLine($"The disk cannot be served: {exception.Message}. Usage: vireo-storage {ServeArguments.Usage}");
    return 2;
}
