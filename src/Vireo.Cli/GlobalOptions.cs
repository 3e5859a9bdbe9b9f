using Vireo.Cli.Verbs;
using Vireo.Client;

namespace Vireo.Cli;

/// <summary>Options that stand before the command and mean the same for all.</summary>
/// <param name="Root">Root folder of the host; the system's when null.</param>
/// <param name="Host">Another host's address.</param>
/// <param name="Json">Objects as JSON lines.</param>
internal sealed record GlobalOptions(string? Root, string? Host, bool Json)
{
    /// <summary>Where commands go.</summary>
    public HostAddress Address => Host is null ? HostAddress.Local(Root) : HostAddress.Parse(Host, Root);

    /// <summary>Sockets and process records of the host.</summary>
    public string RunFolder => Root is null ? "/run/vireo" : Path.Combine(Root, "run");

    /// <summary>What survives a reboot.</summary>
    public string StateFolder => Root ?? "/var/lib/vireo";

    /// <summary>The arguments that make another program of Vireo mean the same host.</summary>
    public IReadOnlyList<string> RootArguments => Root is null ? [] : ["--root", Root];

    /// <summary>
    /// Takes the options off the front, <c>--json</c> from anywhere, <c>-Json</c> after a verb too, and all of them after one that asks a host something;
    /// of a command <c>-Json</c> is a parameter, and may be another's value.
    /// </summary>
    public static (GlobalOptions Options, List<string> Words) Parse(IReadOnlyList<string> arguments)
    {
        var root = Environment.GetEnvironmentVariable("VIREO_ROOT") is { Length: > 0 } fromEnvironment ? fromEnvironment : null;
        string? host = null;
        var json = false;
        var rest = new List<string>();
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            if (argument == "--json" || (string.Equals(argument, "-Json", StringComparison.OrdinalIgnoreCase) && (rest.Count == 0 || Verb.Find(rest[0]) is not null)))
            {
                json = true;
            }
            else if (TakesOptions(rest) && argument is "--root" or "--host")
            {
                var value = i + 1 < arguments.Count ? arguments[++i] : throw new CliException("MissingArgument", $"The option '{argument}' needs a value.");
                (root, host) = argument == "--root" ? (value, host) : (root, value);
            }
            else if (TakesOptions(rest) && argument.StartsWith("--root=", StringComparison.Ordinal))
            {
                root = argument["--root=".Length..];
            }
            else if (TakesOptions(rest) && argument.StartsWith("--host=", StringComparison.Ordinal))
            {
                host = argument["--host=".Length..];
            }
            else
            {
                rest.Add(argument);
            }
        }

        return (new GlobalOptions(root is null ? null : Path.GetFullPath(root), host, json), rest);
    }

    private static bool TakesOptions(List<string> words) => words.Count == 0 || Verb.Find(words[0]) is { AsksHost: true };
}
