using Vireo.Cli.Output;

namespace Vireo.Cli.Verbs;

/// <summary>What a verb is given.</summary>
internal sealed record VerbContext(GlobalOptions Options, IReadOnlyList<string> Arguments, Terminal Terminal, CancellationToken Cancellation);

/// <summary>Something <c>vireo</c> does besides the commands.</summary>
/// <param name="Name">As typed.</param>
/// <param name="Help">One line.</param>
/// <param name="Run">Does it and gives the exit status.</param>
internal sealed record Verb(string Name, string Help, Func<VerbContext, Task<int>> Run)
{
    /// <summary>What follows the name, for the help.</summary>
    public string Usage { get; init; } = "";

    /// <summary>It answers <c>--help</c> itself, or takes any word for what it is.</summary>
    public bool ExplainsItself { get; init; }

    /// <summary>It asks a host something, and takes the options that say which host after its name as well.</summary>
    public bool AsksHost { get; init; }

    /// <summary>All that people use, in the order of the help.</summary>
    public static IReadOnlyList<Verb> All { get; } =
    [
        new("up", "Start Vireo on this machine, in the background", UpVerb.RunAsync),
        new("down", "Stop Vireo; virtual machines keep running, or with --machines stop as they are set to", DownVerb.RunAsync) { Usage = "[--machines]" },
        new("status", "Show how Vireo is", StatusVerb.RunAsync) { AsksHost = true },
        new("console", "Attach to a machine's serial console; Ctrl-] leaves; or show its screen", ConsoleVerb.RunAsync) { Usage = "NAME [--com2] [--lines NUMBER] | NAME --screen [--port NUMBER]", AsksHost = true },
        new("import", "Import a virtual machine, page by page: vireo import PATH", ImportVerb.RunAsync) { Usage = "PATH", ExplainsItself = true },
        new("trust", "Let hosts trust each other: vireo trust invite, vireo trust join", TrustVerb.RunAsync) { Usage = "[invite | join | remove | renew | leave | use]", ExplainsItself = true },
        new("events", "Show what happened, and with --follow what happens", EventsVerb.RunAsync) { Usage = "[--follow]", AsksHost = true },
        new("jobs", "List long work and how far it is", JobsVerb.RunAsync) { AsksHost = true },
        new("doctor", "Check what this machine offers to virtual machines", DoctorVerb.RunAsync) { AsksHost = true },
        new("help", "Explain a command: vireo help New-VM", HelpVerb.RunAsync) { Usage = "[COMMAND]" },
        new("check-disk", "Look at a disk image's structures, and say what is wrong", CheckDiskVerb.RunAsync) { Usage = "IMAGE", ExplainsItself = true },
        new("serve-disk", "Serve one disk image over NBD or vhost-user, without a host", ServeDiskVerb.RunAsync) { Usage = "IMAGE --socket PATH", ExplainsItself = true },
        new("lab", "Run one switch in the foreground, without a host: vireo lab switch --help", LabVerb.RunAsync) { Usage = "switch" },
        new("complete", "Print a completion script: vireo complete bash | zsh", CompleteVerb.RunAsync) { Usage = "bash | zsh" },
        new("version", "Print the version", VersionVerb.RunAsync),
        new("serve", "Run Vireo in the foreground", ServeVerb.RunAsync),
        new("host", "Run the host plane alone", PlaneVerb.RunAsync("vireo-host")),
        new("storage", "Run the storage plane alone", PlaneVerb.RunAsync("vireo-storage")),
        new("switch", "Run the switch plane alone", PlaneVerb.RunAsync("vireo-switch")),
    ];

    /// <summary>Their names.</summary>
    public static IEnumerable<string> Names => All.Select(static verb => verb.Name);

    /// <summary>The verb that is typed so, or null.</summary>
    public static Verb? Find(string name) => name switch
    {
        "--help" or "-h" or "-?" => Find("help"),
        "--version" => Find("version"),
        MamlVerb.Name => new Verb(MamlVerb.Name, "", MamlVerb.RunAsync) { ExplainsItself = true },
        CompleteVerb.WordsVerb => new Verb(CompleteVerb.WordsVerb, "", CompleteVerb.WordsAsync) { ExplainsItself = true },
        _ => All.FirstOrDefault(verb => string.Equals(verb.Name, name, StringComparison.OrdinalIgnoreCase)),
    };
}
