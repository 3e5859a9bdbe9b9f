using System.Text.Json;
using Vireo.Cli.Output;
using Vireo.Client;

namespace Vireo.Cli.Verbs;

/// <summary><c>vireo status</c>.</summary>
internal static class StatusVerb
{
    public static Task<int> RunAsync(VerbContext context) => Inquiry.ShowAsync(context, "api/status");
}

/// <summary><c>vireo doctor</c>.</summary>
internal static class DoctorVerb
{
    public static Task<int> RunAsync(VerbContext context) => Inquiry.ShowAsync(context, "api/doctor");
}

/// <summary><c>vireo jobs</c>.</summary>
internal static class JobsVerb
{
    public static Task<int> RunAsync(VerbContext context) => Inquiry.ShowAsync(context, "api/jobs");
}

/// <summary><c>vireo events [--follow]</c>.</summary>
internal static class EventsVerb
{
    public static async Task<int> RunAsync(VerbContext context)
    {
        var follow = context.Arguments.Contains("--follow", StringComparer.Ordinal) || context.Arguments.Contains("-f", StringComparer.Ordinal);
        if (!follow)
        {
            return await Inquiry.ShowAsync(context, "api/events");
        }

        using var host = new HostClient(context.Options.Address);
        await foreach (var line in host.FollowAsync("api/events?follow=true", context.Cancellation))
        {
            context.Terminal.Out.Write(context.Options.Json ? line.GetRawText() : Inquiry.Line(line));
            context.Terminal.Out.Write('\n');
            context.Terminal.Out.Flush();
        }

        return ExitStatus.Ok;
    }
}

/// <summary>Shows what the host answers to a question about itself.</summary>
internal static class Inquiry
{
    /// <summary>An array is shown line by line, an object as a list.</summary>
    public static async Task<int> ShowAsync(VerbContext context, string path)
    {
        using var host = new HostClient(context.Options.Address);
        var answer = await host.GetAsync(path, context.Cancellation);
        var output = context.Terminal.Out;
        if (context.Options.Json)
        {
            output.Write(answer.GetRawText() + "\n");
        }
        else if (answer.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in answer.EnumerateArray())
            {
                output.Write(Line(item) + "\n");
            }
        }
        else
        {
            ListView.Write(output, answer);
        }

        return ExitStatus.Ok;
    }

    /// <summary>The values of an object in one line.</summary>
    public static string Line(JsonElement item) => item.ValueKind == JsonValueKind.Object
        ? string.Join("  ", item.EnumerateObject().Select(static member => CellText.Of(member.Value)).Where(static text => text.Length > 0))
        : CellText.Of(item);
}
