using System.Globalization;
using System.Text.Json.Nodes;
using Vireo.Cli.Output;

namespace Vireo.Cli.Verbs;

/// <summary>
/// Leads through one report: a page for each category, a question for each error that has an answer, a new look after each page, because one
/// answer may show another question. At the end it imports; whoever leaves before has changed nothing.
/// </summary>
/// <param name="commands">The host.</param>
/// <param name="terminal">The person.</param>
/// <param name="request">What Compare-VM was asked.</param>
internal sealed class ImportWizard(HostCommands commands, Terminal terminal, JsonObject request)
{
    private JsonObject _report = [];
    private bool _hasLeft;

    /// <summary>Leads to the end.</summary>
    /// <returns>Whether the machine was imported.</returns>
    public async Task<bool> RunAsync(JsonObject report)
    {
        _report = report;
        Say($"\n{Text(_report["VM"]?["Name"]) ?? "A virtual machine"}  ({Text(_report["Path"])})");
        if (_report["VM"] is null)
        {
            All().ForEach(one => Say(Text(one["Message"])!));
            return false;
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (!_hasLeft && Next(seen) is { } category)
        {
            await ShowPageAsync(category);
            seen.Add(category);
            if (!_hasLeft && Errors(category).Count > 0)
            {
                // What was answered may resolve it, or show what else there is.
                await LookAgainAsync();
                if (Errors(category).Count > 0)
                {
                    seen.Remove(category);
                }
            }
        }

        if (_hasLeft || !terminal.Confirm($"Import '{Text(_report["VM"]!["Name"])}' now?"))
        {
            await ForgetAsync();
            Say("Nothing was imported.");
            return false;
        }

        var machine = await commands.ObjectsAsync("Import-VM", new JsonObject { ["CompatibilityReport"] = _report.DeepClone() });
        Say($"'{Text(machine[0]["Name"])}' was imported; 'vireo Start-VM {Text(machine[0]["Name"])}' starts it.");
        return true;
    }

    // First come the pages that were not shown; then, again, those with errors that are left.
    private string? Next(HashSet<string> seen) => All().Select(one => Text(one["Category"])!).Distinct().FirstOrDefault(category => !seen.Contains(category))
        ?? All().Where(one => Text(one["Severity"]) == "Error").Select(one => Text(one["Category"])).FirstOrDefault();

    private List<JsonNode> All() => [.. _report["Incompatibilities"]!.AsArray().Select(one => one!)];

    private List<JsonNode> Errors(string category) => [.. All().Where(one => Text(one["Category"]) == category && Text(one["Severity"]) == "Error")];

    private async Task ShowPageAsync(string category)
    {
        var pages = All().Select(one => Text(one["Category"])!).Distinct().ToList();
        Say($"\n-- {category} (page {pages.IndexOf(category) + 1} of {pages.Count}) --");
        foreach (var one in All().Where(one => Text(one["Category"]) == category))
        {
            Say($"{Text(one["Severity"]),-11} {Text(one["MessageId"])}  {Text(one["Message"])}");
            if (Text(one["Severity"]) == "Error" && !_hasLeft)
            {
                await ResolveAsync(one);
            }
        }
    }

    private async Task ResolveAsync(JsonNode one)
    {
        try
        {
            await AnswerAsync(one);
        }
        catch (CliException refused)
        {
            // The answer was no good; the page comes again.
            terminal.WriteError(refused.Message);
        }
    }

    private async Task AnswerAsync(JsonNode one)
    {
        var (vm, source) = (_report["VM"], one["Source"]);
        switch (Text(one["Name"]))
        {
            case "SwitchNotFound":
                await AnswerSwitchAsync(source);
                break;
            case "VirtualDiskFileMissing" or "PassthroughDiskMissing" or "SharePathUnmapped" or "DiskFormatUnsupported" or "DiskHeaderCorrupt" or "DiskInformationUnreadable"
                or "ParentDiskMissing" or "ParentIdMismatch" or "DiskCapacityLimit":
                if (Ask("Path of the disk, or 'none' to remove the drive") is { } path)
                {
                    await (path == "none" ? SendAsync("Remove-VMHardDiskDrive", ("VMHardDiskDrive", source)) : SendAsync("Set-VMHardDiskDrive", ("VMHardDiskDrive", source), ("Path", Path.GetFullPath(path))));
                }

                break;
            case "ProcessorCountHost" or "ProcessorCountLimit":
                await AskNumberAsync("Number of virtual processors", 1, count => SendAsync("Set-VMProcessor", ("VM", vm), ("Count", count)));
                break;
            case "MemoryHost" or "MemoryLimit":
                await AskNumberAsync("Startup memory in MB", 1L << 20, bytes => SendAsync("Set-VMMemory", ("VM", vm), ("StartupBytes", bytes)));
                break;
            case "NestedVirtualizationUnsupported":
                await IfAgreedAsync("Switch virtualization in the guest off?", () => SendAsync("Set-VMProcessor", ("VM", vm), ("ExposeVirtualizationExtensions", false)));
                break;
            case "NameInvalid":
                if (Ask("Name") is { } name)
                {
                    await SendAsync("Rename-VM", ("VM", vm), ("NewName", name));
                }

                break;
            case "StaticMacCollision":
                await IfAgreedAsync("Let the host choose an address?", () => SendAsync("Set-VMNetworkAdapter", ("VMNetworkAdapter", source), ("DynamicMacAddress", true)));
                break;
            case "AdapterCountLimit" or "LegacyAdapterOnGeneration2":
                await IfAgreedAsync("Remove this network adapter?", () => SendAsync("Remove-VMNetworkAdapter", ("VMNetworkAdapter", source)));
                break;
            case "SavedStateMissing" or "SavedStateVersion":
                await IfAgreedAsync("Go on without the saved memory?", () => Text(source?["VMId"]) != Text(source?["Id"]) && source?["SnapshotType"] is not null
                    ? SendAsync("Remove-VMSavedState", ("VMSnapshot", source)) : SendAsync("Remove-VMSavedState", ("VM", vm)));
                break;
            case "AttachmentNotFound" or "CheckpointTreeBroken" or "CheckpointLimit":
                await IfAgreedAsync("Remove this checkpoint?", () => SendAsync("Remove-VMSnapshot", ("VMSnapshot", source)));
                break;
            case "IdAlreadyRegistered" or "ConfigurationInUse" or "DiskInUse" or "DestinationFileExists" or "DestinationPathInvalid" or "DestinationSpace":
                await AnswerCopyAsync();
                break;
            default:
                AskToGoOn(Text(one["Resolution"]));
                break;
        }
    }

    private async Task AnswerSwitchAsync(JsonNode? adapter)
    {
        var names = (await commands.ObjectsAsync("Get-VMSwitch", [])).ConvertAll(one => Text(one["Name"])!);
        if (Ask($"Virtual switch ({string.Join(", ", names)}), or 'none' to disconnect") is { } name)
        {
            await (name == "none" ? SendAsync("Disconnect-VMNetworkAdapter", ("VMNetworkAdapter", adapter)) : SendAsync("Connect-VMNetworkAdapter", ("VMNetworkAdapter", adapter), ("SwitchName", name)));
        }
    }

    // Another way to import is another plan.
    private async Task AnswerCopyAsync()
    {
        if (Ask("Folder for a copy with an identity of its own") is { } folder)
        {
            await ForgetAsync();
            var again = (JsonObject)request.DeepClone();
            again["Path"] = Text(_report["Path"]);
            again["Copy"] = true;
            again["GenerateNewId"] = true;
            again["VirtualMachinePath"] = again["VhdDestinationPath"] = Path.GetFullPath(folder);
            _report = (await commands.ObjectsAsync("Compare-VM", again))[0];
        }
    }

    private async Task LookAgainAsync()
    {
        if (_report["VM"] is not null)
        {
            _report = (await commands.ObjectsAsync("Compare-VM", new JsonObject { ["CompatibilityReport"] = _report.DeepClone() }))[0];
        }
    }

    private async Task ForgetAsync()
    {
        if (_report["VM"] is { } plan)
        {
            await commands.ObjectsAsync("Remove-VM", new JsonObject { ["VM"] = plan.DeepClone(), ["Force"] = true });
        }
    }

    private Task SendAsync(string command, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        var body = new JsonObject();
        foreach (var (name, value) in parameters)
        {
            body[name] = value switch
            {
                JsonNode node => node.DeepClone(),
                long number => JsonValue.Create(number),
                bool flag => JsonValue.Create(flag),
                string text => JsonValue.Create(text),
                _ => null,
            };
        }

        return commands.ObjectsAsync(command, body);
    }

    private async Task AskNumberAsync(string question, long unit, Func<long, Task> then)
    {
        if (Ask(question) is { } answer)
        {
            await (long.TryParse(answer, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= long.MaxValue / unit
                ? then(number * unit) : throw new CliException("InvalidParameter", $"'{answer}' is no number."));
        }
    }

    private async Task IfAgreedAsync(string question, Func<Task> then)
    {
        if (terminal.Confirm(question))
        {
            await then();
        }
        else
        {
            _hasLeft = true;
        }
    }

    private void AskToGoOn(string? resolution) =>
        Ask(string.IsNullOrEmpty(resolution) ? "This cannot be resolved here. Press return when something has changed" : $"Resolve it with {resolution} elsewhere, then press return", mayBeEmpty: true);

    // The end of the input, or 'quit', leaves.
    private string? Ask(string question, bool mayBeEmpty = false)
    {
        while (!_hasLeft)
        {
            var answer = terminal.Prompt($"  {question} ('quit' leaves): ")?.Trim();
            if (answer is null or "quit")
            {
                _hasLeft = true;
            }
            else if (answer.Length > 0 || mayBeEmpty)
            {
                return answer;
            }
        }

        return null;
    }

    private void Say(string line)
    {
        terminal.ClearProgress();
        terminal.Error.Write(CellText.Harmless(line.TrimStart('\n')) is var text && line.StartsWith('\n') ? $"\n{text}\n" : $"{text}\n");
    }

    private static string? Text(JsonNode? node) => node is null ? null : CellText.Harmless(node.ToString());
}
