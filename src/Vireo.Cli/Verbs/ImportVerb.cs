using System.Text.Json.Nodes;

namespace Vireo.Cli.Verbs;

/// <summary><c>vireo import PATH</c>: leads through what hinders an import, one category a page, and imports.</summary>
internal static class ImportVerb
{
    public static async Task<int> RunAsync(VerbContext context)
    {
        var output = context.Terminal.Out;
        if (context.Arguments is [] or ["--help" or "-h" or "-?"])
        {
            output.Write(
                """
                vireo import PATH [--copy] [--new-id] [--to FOLDER] [--disks FOLDER]

                Imports the virtual machines of a configuration file, or of every one below a folder. What does not fit this host is shown page by
                page, and asked about. Nothing is imported, and no file of the source is written to, before the end.

                  --copy           copy all files; without it the machine uses those that are there
                  --new-id         make a second machine with an identity of its own; implies --copy
                  --to FOLDER      folder for the copy of the configuration
                  --disks FOLDER   folder for the copies of the disks

                  vireo import /backup/web1
                  vireo import /backup/web1 --new-id --to /vms/web2 --disks /vms/web2

                """);
            return context.Arguments.Count == 0 ? ExitStatus.Usage : ExitStatus.Ok;
        }

        var request = Parse(context.Arguments);
        if (!context.Terminal.IsInteractive)
        {
            throw new CliException(
                "ConfirmationRequired",
                $"'vireo import' asks questions, and nobody is there to answer. Use 'vireo Compare-VM {request["Path"]}' to see what hinders, the commands it names to resolve it, and 'vireo Import-VM {request["Path"]}'.");
        }

        using var host = new Client.HostClient(context.Options.Address);
        var commands = new HostCommands(host, context.Terminal, context.Cancellation);
        var imported = 0;
        var reports = await commands.ObjectsAsync("Compare-VM", request);
        foreach (var report in reports)
        {
            imported += await new ImportWizard(commands, context.Terminal, request).RunAsync(report) ? 1 : 0;
        }

        return imported == reports.Count ? ExitStatus.Ok : ExitStatus.Error;
    }

    private static JsonObject Parse(IReadOnlyList<string> arguments)
    {
        var request = new JsonObject();
        for (var i = 0; i < arguments.Count; i++)
        {
            switch (arguments[i])
            {
                case "--copy":
                    request["Copy"] = true;
                    break;
                case "--new-id":
                    request["Copy"] = true;
                    request["GenerateNewId"] = true;
                    break;
                case "--to" or "--disks" when i + 1 < arguments.Count:
                    request["Copy"] = true;
                    request[arguments[i] == "--to" ? "VirtualMachinePath" : "VhdDestinationPath"] = Path.GetFullPath(arguments[++i]);
                    break;
                case var path when !path.StartsWith('-') && request["Path"] is null:
                    request["Path"] = Path.GetFullPath(path);
                    break;
                default:
                    throw new CliException("InvalidParameter", $"'{arguments[i]}' is nothing that 'vireo import' takes here; 'vireo import --help' shows what is.");
            }
        }

        return request["Path"] is null ? throw new CliException("MissingArgument", "Say what to import: 'vireo import PATH'.") : request;
    }
}
