using System.Text.Json;
using Vireo.Cli.Output;
using Vireo.Client;
using Vireo.Model;

namespace Vireo.Cli.Verbs;

/// <summary><c>vireo doctor</c>: what this machine offers, and what to do where it falls short.</summary>
internal static class DoctorVerb
{
    private static readonly ViewColumn[] Columns = [new("Check", "name"), new("Verdict", "level"), new("Found", "found"), new("Advice", "advice")];

    public static async Task<int> RunAsync(VerbContext context)
    {
        Inquiry.RefuseUnknown(context, "doctor");
        var checks = await Inquiry.ShowAsync(context, "api/doctor", Columns);
        return checks.EnumerateArray().Any(static check => check.TryGetProperty("level", out var level) && level.ValueEquals("Failure")) ? ExitStatus.Error : ExitStatus.Ok;
    }
}

/// <summary><c>vireo jobs</c>: long work, and how far it is.</summary>
internal static class JobsVerb
{
    private static readonly ViewColumn[] Columns =
    [
        new("Started", "started"), new("Command", "command"), new("Caller", "caller"), new("Status", "status"), new("Percent", "percent", RightAligned: true),
        new("Activity", "activity"), new("Error", "error"), new("Id", "id"),
    ];

    public static async Task<int> RunAsync(VerbContext context)
    {
        Inquiry.RefuseUnknown(context, "jobs");
        await Inquiry.ShowAsync(context, "api/jobs", Columns);
        return ExitStatus.Ok;
    }
}

/// <summary><c>vireo events [--follow]</c>: what happened, and what happens.</summary>
internal static class EventsVerb
{
    private static readonly ViewColumn[] Columns = [new("Time", "time"), new("Kind", "kind"), new("Message", "message")];

    public static async Task<int> RunAsync(VerbContext context)
    {
        Inquiry.RefuseUnknown(context, "events", "--follow", "-f");
        if (!context.Arguments.Any(static argument => argument is "--follow" or "-f"))
        {
            await Inquiry.ShowAsync(context, "api/events", Columns);
            return ExitStatus.Ok;
        }

        using var host = new HostClient(context.Options.Address);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation);

        // Nothing may happen for hours after the reader has left, as 'head' does.
        OutputReader.WhenGone(over.Cancel);
        try
        {
            await FollowAsync(context, host, over.Token);
        }
        catch (OperationCanceledException) when (!context.Cancellation.IsCancellationRequested)
        {
            return ExitStatus.Error;
        }

        return ExitStatus.Ok;
    }

    private static async Task FollowAsync(VerbContext context, HostClient host, CancellationToken cancellation)
    {
        await foreach (var line in host.FollowAsync("api/events?follow=true", cancellation))
        {
            context.Terminal.Out.Write(context.Options.Json ? line.GetRawText() : string.Join("  ", Columns.Select(column => CellText.Of(line.GetProperty(column.Property)))));
            context.Terminal.Out.Write('\n');
            context.Terminal.Out.Flush();
        }
    }
}

/// <summary>Shows what the host answers to a question about itself.</summary>
internal static class Inquiry
{
    /// <summary>Throws when the verb does not know a word that follows it.</summary>
    public static void RefuseUnknown(VerbContext context, string verb, params ReadOnlySpan<string> known)
    {
        foreach (var argument in context.Arguments)
        {
            if (!known.Contains(argument))
            {
                throw new CliException("InvalidParameter", $"'{argument}' is not understood: 'vireo help' shows how '{verb}' is called.");
            }
        }
    }

    /// <summary>Shows a list as a table, or as JSON, and gives it back.</summary>
    public static async Task<JsonElement> ShowAsync(VerbContext context, string path, IReadOnlyList<ViewColumn> columns)
    {
        using var host = new HostClient(context.Options.Address);
        var answer = await host.GetAsync(path, context.Cancellation);
        var rows = answer.EnumerateArray().ToList();
        if (context.Options.Json)
        {
            context.Terminal.Out.Write(answer.GetRawText() + "\n");
        }
        else if (rows.Count > 0)
        {
            TableView.Write(context.Terminal.Out, columns, rows, context.Terminal.Width);
        }

        return answer;
    }
}
