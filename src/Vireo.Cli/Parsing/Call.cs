using System.Text.Json;
using Vireo.Surface;

namespace Vireo.Cli.Parsing;

/// <summary>What to do with errors.</summary>
internal enum ErrorAction
{
    /// <summary>Show, go on.</summary>
    Continue,

    /// <summary>Show, stop.</summary>
    Stop,

    /// <summary>Go on silently.</summary>
    SilentlyContinue,
}

/// <summary>One stage of a pipeline with what was typed for it.</summary>
internal sealed class Call(CommandInfo command)
{
    public CommandInfo Command { get; } = command;

    /// <summary>Values by parameter.</summary>
    public Dictionary<ParameterInfo, JsonElement> Values { get; } = new(ReferenceEqualityComparer.Instance);

    public bool WhatIf { get; set; }

    public bool? Confirm { get; set; }

    /// <summary>What was answered to all questions that are yet to come.</summary>
    public Answer? AnswerToAll { get; set; }

    public bool Verbose { get; set; }

    public bool AsJob { get; set; }

    /// <summary>What comes out is printed as JSON.</summary>
    public bool Json { get; set; }

    public ErrorAction ErrorAction { get; set; }

    public bool NoWarnings { get; set; }

    /// <summary>Hosts to run on; the given host when empty.</summary>
    public IReadOnlyList<string> ComputerNames { get; set; } = [];

    /// <summary>A request with the given values besides those typed.</summary>
    public CommandRequest Request(bool interactive, string? set = null, IEnumerable<KeyValuePair<ParameterInfo, JsonElement>>? more = null) => new()
    {
        Parameters = ArgumentValue.Json(writer =>
        {
            writer.WriteStartObject();
            foreach (var (parameter, value) in Values.Concat(more ?? []))
            {
                if (!parameter.ClientSide)
                {
                    writer.WritePropertyName(parameter.Name);
                    value.WriteTo(writer);
                }
            }

            writer.WriteEndObject();
        }),
        ParameterSet = set,
        WhatIf = WhatIf,
        Confirm = Confirm,
        Verbose = Verbose,
        AsJob = AsJob,
        Interactive = interactive,
    };
}
