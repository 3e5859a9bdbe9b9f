using System.Text.Json;

namespace Vireo.Surface;

/// <summary>
/// One line of the answer to a command. The answer is newline-delimited JSON, each line an object whose member <c>record</c> names its
/// kind; the last is always <see cref="EndRecord"/>. Clients ignore kinds they do not know.
/// </summary>
public abstract record CommandRecord
{
    /// <summary>Media type of the stream.</summary>
    public const string MediaType = "application/x-ndjson";

    /// <summary>Reads a line; null for a kind that this version does not know.</summary>
    /// <exception cref="JsonException">The line is not a record.</exception>
    public static CommandRecord? Read(JsonElement line)
    {
        if (line.ValueKind != JsonValueKind.Object || Text(line, "record") is not { } kind)
        {
            throw new JsonException("A line of the answer is not a record.");
        }

        return kind switch
        {
            "object" => new ObjectRecord(Text(line, "type") ?? "", line.GetProperty("value")),
            "error" => new ErrorRecord(
                Text(line, "errorId") ?? "", Text(line, "category") ?? "NotSpecified", Text(line, "message") ?? "", Text(line, "target"),
                Text(line, "fullyQualifiedErrorId") ?? "", Flag(line, "terminating")),
            "warning" => new WarningRecord(Text(line, "message") ?? ""),
            "verbose" => new VerboseRecord(Text(line, "message") ?? ""),
            "progress" => new ProgressRecord(Text(line, "activity") ?? "", Text(line, "status") ?? "", Number(line, "percent", -1)),
            "whatif" => new WhatIfRecord(Text(line, "target") ?? "", Text(line, "action") ?? ""),
            "question" => new QuestionRecord(
                line.TryGetProperty("id", out var id) && id.TryGetGuid(out var question) ? question : Guid.Empty,
                Text(line, "kind") == "shouldContinue" ? QuestionKind.ShouldContinue : QuestionKind.ShouldProcess,
                Text(line, "caption") ?? "", Text(line, "message") ?? "", Text(line, "target") ?? "", Text(line, "action") ?? ""),
            "job" => new JobRecord(line.TryGetProperty("id", out var job) && job.TryGetGuid(out var jobId) ? jobId : Guid.Empty),
            "end" => new EndRecord(Text(line, "status") ?? "failed", Number(line, "errors", 0)),
            _ => null,
        };
    }

    private static string? Text(JsonElement line, string name) =>
        line.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static int Number(JsonElement line, string name, int otherwise) =>
        line.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : otherwise;

    private static bool Flag(JsonElement line, string name) => line.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;
}

/// <summary>An object.</summary>
/// <param name="Type">Full name of its type.</param>
/// <param name="Value">The object.</param>
public sealed record ObjectRecord(string Type, JsonElement Value) : CommandRecord;

/// <summary>An error. The command goes on unless it is terminating.</summary>
/// <param name="Category">Name of PowerShell's category.</param>
/// <param name="FullyQualifiedErrorId">Id, a comma, and the full name of the cmdlet's class.</param>
public sealed record ErrorRecord(
    string ErrorId, string Category, string Message, string? Target, string FullyQualifiedErrorId, bool Terminating) : CommandRecord;

/// <summary>A warning.</summary>
public sealed record WarningRecord(string Message) : CommandRecord;

/// <summary>A verbose message; sent when asked for.</summary>
public sealed record VerboseRecord(string Message) : CommandRecord;

/// <summary>How far it is.</summary>
/// <param name="Percent">0 to 100, or negative when unknown.</param>
public sealed record ProgressRecord(string Activity, string Status, int Percent) : CommandRecord;

/// <summary>What would be done to what.</summary>
public sealed record WhatIfRecord(string Target, string Action) : CommandRecord;

/// <summary>Why a question is asked.</summary>
public enum QuestionKind
{
    /// <summary>The caller wants to be asked before actions.</summary>
    ShouldProcess,

    /// <summary>The command must not go on without a yes.</summary>
    ShouldContinue,
}

/// <summary>A question; the command waits for the answer at <c>POST /api/questions/&lt;id&gt;</c>.</summary>
public sealed record QuestionRecord(Guid Id, QuestionKind Kind, string Caption, string Message, string Target, string Action) : CommandRecord;

/// <summary>The command goes on as this job of the host.</summary>
public sealed record JobRecord(Guid Id) : CommandRecord;

/// <summary>The end.</summary>
/// <param name="Status"><c>completed</c>, <c>failed</c> (a terminating error) or <c>cancelled</c>.</param>
/// <param name="Errors">How many errors were written.</param>
public sealed record EndRecord(string Status, int Errors) : CommandRecord;
