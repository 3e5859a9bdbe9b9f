namespace Vireo.Cli.Verbs;

/// <summary><c>vireo lab switch --port KIND:NAME ...</c>: one switch in the foreground, without a host. <c>vireo-switch lab</c> does it.</summary>
internal static class LabVerb
{
    public static Task<int> RunAsync(VerbContext context)
    {
        if (context.Arguments.Count == 0 || context.Arguments[0] != "switch")
        {
            context.Terminal.Error.WriteLine("There is one laboratory: 'vireo lab switch'; 'vireo lab switch --help' explains it.");
            return Task.FromResult(ExitStatus.Usage);
        }

        // A host's root folder means nothing to it.
        var lab = context with { Options = context.Options with { Root = null }, Arguments = ["lab", .. context.Arguments.Skip(1)] };
        return PlaneVerb.RunAsync("vireo-switch")(lab);
    }
}
