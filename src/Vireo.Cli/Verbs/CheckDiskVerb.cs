namespace Vireo.Cli.Verbs;

/// <summary>
/// <c>vireo check-disk IMAGE</c>: what an image file is made of and what is wrong with it and its parents, without a host. <c>vireo-storage
/// check</c> does it, and this program becomes its exit status: 0 when the disk is sound, 1 when not.
/// </summary>
internal static class CheckDiskVerb
{
    public static Task<int> RunAsync(VerbContext context)
    {
        if (context.Arguments is not [var image] || image is "--help" or "-h" or "-?")
        {
            context.Terminal.Out.Write(
                """
                vireo check-disk IMAGE

                Looks at every structure of a VHDX or VHD file and of its parents, and prints what it is made of and what is wrong. Nothing is
                written. The exit status is 0 when the disk is sound and 1 when it is not:

                  vireo check-disk web.vhdx

                """);
            return Task.FromResult(context.Arguments is [_] ? ExitStatus.Ok : ExitStatus.Usage);
        }

        // A host's root folder means nothing to it.
        var check = context with { Options = context.Options with { Root = null }, Arguments = ["check", image] };
        return PlaneVerb.RunAsync("vireo-storage")(check);
    }
}
