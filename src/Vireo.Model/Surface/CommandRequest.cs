using System.Text.Json;
using System.Text.Json.Serialization;

namespace Vireo.Surface;

/// <summary>Body of <c>POST /api/commands/&lt;Verb-Noun&gt;</c>. What PowerShell calls common parameters travels beside the parameters.</summary>
public sealed record CommandRequest
{
    /// <summary>A JSON object: the parameters by name or alias.</summary>
    public JsonElement Parameters { get; init; }

    /// <summary>The parameter set that the client chose; the host chooses when null.</summary>
    public string? ParameterSet { get; init; }

    /// <summary>Say what would be done, and do nothing.</summary>
    public bool WhatIf { get; init; }

    /// <summary>True asks before each action, false never asks; null asks where the command's impact reaches <see cref="ConfirmPreference"/>.</summary>
    public bool? Confirm { get; init; }

    /// <summary>None, Low, Medium or High.</summary>
    public string ConfirmPreference { get; init; } = "High";

    /// <summary>Send verbose records.</summary>
    public bool Verbose { get; init; }

    /// <summary>Answer with a job at once and work on in the background.</summary>
    public bool AsJob { get; init; }

    /// <summary>The client answers questions. Otherwise a command that must ask fails with <c>ConfirmationRequired</c>.</summary>
    public bool Interactive { get; init; }
}

/// <summary>Body of <c>POST /api/questions/&lt;id&gt;</c>.</summary>
/// <param name="Answer">The answer.</param>
public sealed record QuestionReply(Answer Answer);

/// <summary>An answer to a question.</summary>
public enum Answer
{
    /// <summary>Do not.</summary>
    No,

    /// <summary>Do.</summary>
    Yes,

    /// <summary>Neither this nor the following of the same command.</summary>
    NoToAll,

    /// <summary>This and the following of the same command.</summary>
    YesToAll,
}

/// <summary>JSON of what clients send.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(CommandRequest))]
[JsonSerializable(typeof(QuestionReply))]
public sealed partial class SurfaceJson : JsonSerializerContext;
