using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.PowerShell;

/// <summary>Completes an argument with the names of the host's objects; with nothing when the host does not answer soon.</summary>
public abstract class NameCompleter : IArgumentCompleter
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private protected abstract string ListCommand { get; }

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        ArgumentNullException.ThrowIfNull(wordToComplete);
        var start = wordToComplete.Trim('\'', '"');
        foreach (var name in Names())
        {
            if (name.StartsWith(start, StringComparison.OrdinalIgnoreCase))
            {
                var quoted = name.AsSpan().IndexOfAny(" '\"`$;|&(){}<>,") < 0 ? name : $"'{name.Replace("'", "''", StringComparison.Ordinal)}'";
                yield return new CompletionResult(quoted, name, CompletionResultType.ParameterValue, name);
            }
        }
    }

    private List<string> Names()
    {
        try
        {
            return Task.Run(ReadAsync).GetAwaiter().GetResult();
        }
        catch (Exception error) when (error is HostUnreachableException or OperationCanceledException)
        {
            // Completion is a convenience: without a host there are no names to offer.
            return [];
        }
    }

    private async Task<List<string>> ReadAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        var names = new List<string>();
        var request = new CommandRequest { Parameters = Json.Object(static _ => { }) };
        await foreach (var record in HostConnection.To(null, null).Client.SendAsync(ListCommand, request, patience.Token).ConfigureAwait(false))
        {
            if (record is ObjectRecord value && value.Value.TryGetProperty("Name", out var name) && name.GetString() is { } text)
            {
                names.Add(text);
            }
        }

        return names;
    }
}

/// <summary>Names of virtual machines.</summary>
public sealed class MachineNameCompleter : NameCompleter
{
    private protected override string ListCommand => "Get-VM";
}

/// <summary>Names of virtual switches.</summary>
public sealed class SwitchNameCompleter : NameCompleter
{
    private protected override string ListCommand => "Get-VMSwitch";
}
