using System.Text.Json;
using System.Text.Json.Nodes;
using Vireo.Cli.Output;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.Cli.Verbs;

/// <summary>Sends commands whose answers a verb reads itself.</summary>
/// <param name="host">The host.</param>
/// <param name="terminal">Where warnings and progress go.</param>
/// <param name="cancellation">Ends a command.</param>
internal sealed class HostCommands(HostClient host, Terminal terminal, CancellationToken cancellation)
{
    /// <summary>The objects of a command.</summary>
    /// <exception cref="CliException">The host refuses.</exception>
    public async Task<List<JsonObject>> ObjectsAsync(string command, JsonObject parameters)
    {
        using var document = JsonDocument.Parse(parameters.ToJsonString());
        var request = new CommandRequest { Parameters = document.RootElement, Confirm = false };
        var objects = new List<JsonObject>();
        await foreach (var record in host.SendAsync(command, request, cancellation))
        {
            switch (record)
            {
                case ObjectRecord found:
                    objects.Add(JsonObject.Create(found.Value) ?? []);
                    break;
                case WarningRecord warning:
                    terminal.WriteWarning(CellText.Harmless(warning.Message));
                    break;
                case ProgressRecord progress:
                    terminal.ShowProgress(progress);
                    break;
                case ErrorRecord error:
                    throw new CliException(error.ErrorId, CellText.Harmless(error.Message), ExitStatus.Error);
                default:
                    break;
            }
        }

        terminal.ClearProgress();
        return objects;
    }
}
