namespace Vireo.Cli.Verbs;

/// <summary>
/// <c>vireo serve-disk IMAGE --socket PATH</c>: one image in the foreground, over NBD or vhost-user, without a host. <c>vireo-storage serve</c>
/// does it, and this program becomes its exit status.
/// </summary>
internal static class ServeDiskVerb
{
    public static Task<int> RunAsync(VerbContext context)
    {
        if (context.Arguments.Count == 0 || context.Arguments[0] is "--help" or "-h" or "-?")
        {
            context.Terminal.Out.Write(
                """
                vireo serve-disk IMAGE --socket PATH [--vhost-user] [--read-only] [--direct] [--format raw|vhd|vhdx] [--queues N]
                                 [--file PATH | --device] [--parents PREFIX=FOLDER]... [--layer KIND[=SETTING:VALUE,...]]...

                Serves a disk image of any format, chains too, on a Unix socket until it is interrupted: over NBD, or with --vhost-user as a
                virtio block device. --direct goes past the page cache. --file shows the disk's bytes as a file at that path meanwhile, for
                programs that know no image formats (with nbdfuse); --device makes it a block device by the kernel's NBD client (modprobe nbd).
                Layers stand on the image in the order in which they are named; what they tell is printed at the end:

                  vireo serve-disk web.vhdx --socket /run/web.sock
                  vireo serve-disk web.vhdx --socket /run/web.sock --vhost-user --layer delay=milliseconds:5,operations:Flush

                """);
            return Task.FromResult(context.Arguments.Count == 0 ? ExitStatus.Usage : ExitStatus.Ok);
        }

        // A host's root folder means nothing to it.
        var serve = context with { Options = context.Options with { Root = null }, Arguments = ["serve", .. context.Arguments] };
        return PlaneVerb.RunAsync("vireo-storage")(serve);
    }
}
