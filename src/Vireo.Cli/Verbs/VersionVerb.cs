using System.Reflection;

namespace Vireo.Cli.Verbs;

/// <summary><c>vireo version</c>.</summary>
internal static class VersionVerb
{
    /// <summary>The version, without the commit.</summary>
    public static string Version { get; } =
        typeof(VersionVerb).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    public static Task<int> RunAsync(VerbContext context)
    {
        context.Terminal.Out.Write($"vireo {Version}\n");
        return Task.FromResult(ExitStatus.Ok);
    }
}
