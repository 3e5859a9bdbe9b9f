using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Vireo.Cli.Output;
using Vireo.Client;
using Vireo.Model;

namespace Vireo.Cli.Verbs;

/// <summary><c>vireo trust</c>: which hosts trust each other. A pair is two commands: <c>invite</c> on one host, <c>join</c> on the other.</summary>
internal static class TrustVerb
{
    private static readonly ViewColumn[] Columns = [new("Name", "name"), new("State", "state"), new("Addresses", "addresses"), new("Since", "added"), new("Id", "id")];

    public static async Task<int> RunAsync(VerbContext context)
    {
        if (context.Arguments is ["--help" or "-h" or "-?"] or ["help"])
        {
            Explain(context);
            return ExitStatus.Ok;
        }

        using var host = new HostClient(context.Options.Address);
        string[] arguments = [.. context.Arguments];
        return arguments switch
        {
            [] or ["list"] => await ListAsync(context, host),
            ["invite", .. var words] => await InviteAsync(context, host, words),
            ["join", .. var words] => await JoinAsync(context, host, words),
            ["remove", var name] => await RemoveAsync(context, host, name),
            ["renew"] => await RenewAsync(context, host),
            ["leave"] => await LeaveAsync(context, host),
            ["use", var authority, var certificate, var key] => await UseAsync(context, host, authority, certificate, key),
            _ => throw new CliException("InvalidParameter", $"'vireo trust {string.Join(' ', context.Arguments)}' is nothing that it takes; 'vireo trust --help' shows what is."),
        };
    }

    private static void Explain(VerbContext context) => context.Terminal.Out.Write(
        """
        vireo trust [list]                          show the hosts that this one trusts
        vireo trust invite [--minutes N] [--address ADDRESS]
                                                    make an invitation for one host, good for 15 minutes
        vireo trust join [INVITATION]               join the host that made it; asked for when left out
        vireo trust remove NAME                     trust a host no longer
        vireo trust renew                           get a new certificate now; it is renewed by itself in time
        vireo trust leave                           forget the authority and all hosts
        vireo trust use AUTHORITY CERTIFICATE KEY   use certificates (PEM files) of an authority that exists

        Machines migrate between hosts that trust each other. Two commands make a pair:

          on the first host     vireo trust invite
          on the other          vireo trust join vireo-AbC...

        The invitation is a secret until it was used: who has it can join.

        """);

    private static async Task<int> ListAsync(VerbContext context, HostClient host)
    {
        var report = await host.GetAsync("api/trust", context.Cancellation);
        var output = context.Terminal.Out;
        if (context.Options.Json)
        {
            output.Write(report.GetRawText() + "\n");
            return ExitStatus.Ok;
        }

        var listening = string.Join(", ", report.GetProperty("listening").EnumerateArray().Select(static place => place.GetString()));
        output.Write($"Authority: {CellText.Harmless(report.GetProperty("authority").GetString()!)}\n");
        if (report.TryGetProperty("certificateExpires", out var expires) && expires.ValueKind == JsonValueKind.String)
        {
            output.Write($"Certificate: until {CellText.Of(expires)}\n");
        }

        output.Write($"Listening: {(listening.Length > 0 ? listening : "no; 'Enable-VMMigration' or 'vireo trust invite' begins it")}\n");
        foreach (var invitation in report.GetProperty("invitations").EnumerateArray())
        {
            output.Write($"Invitation: open until {CellText.Of(invitation)}\n");
        }

        var rows = report.GetProperty("peers").EnumerateArray().ToList();
        if (rows.Count > 0)
        {
            output.Write("\n");
            TableView.Write(output, Columns, rows, context.Terminal.Width);
        }
        else
        {
            output.Write("No other host is trusted; 'vireo trust --help' says how two hosts come to trust each other.\n");
        }

        return ExitStatus.Ok;
    }

    private static async Task<int> InviteAsync(VerbContext context, HostClient host, IReadOnlyList<string> words)
    {
        var body = new JsonObject();
        for (var i = 0; i < words.Count; i++)
        {
            switch (words[i])
            {
                case "--minutes" when i + 1 < words.Count && int.TryParse(words[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var minutes):
                    body["minutes"] = minutes;
                    i++;
                    break;
                case "--address" when i + 1 < words.Count:
                    body["address"] = words[++i];
                    break;
                default:
                    throw new CliException("InvalidParameter", $"'{words[i]}' is nothing that 'vireo trust invite' takes here; 'vireo trust --help' shows what is.");
            }
        }

        var invitation = await PostAsync(context, host, "invite", body);
        var token = invitation.GetProperty("token").GetString()!;
        if (context.Options.Json)
        {
            context.Terminal.Out.Write(invitation.GetRawText() + "\n");
        }
        else if (context.Terminal.IsInteractive)
        {
            context.Terminal.Out.Write($"Type this on the other host, until {CellText.Of(invitation.GetProperty("expires"))}:\n\n  vireo trust join {token}\n\n");
        }
        else
        {
            // For a script: the invitation and nothing else.
            context.Terminal.Out.Write(token + "\n");
        }

        return ExitStatus.Ok;
    }

    private static async Task<int> JoinAsync(VerbContext context, HostClient host, IReadOnlyList<string> words)
    {
        if (words.Count > 1)
        {
            throw new CliException("InvalidParameter", "'vireo trust join' takes one invitation.");
        }

        // Other users of this computer see the words of a command, but not what is typed into it.
        var token = words is [var word] && word != "-" ? word : Ask(context);
        var peer = await PostAsync(context, host, "join", new JsonObject { ["token"] = token });
        Tell(context, peer, $"This host and '{NameOf(peer)}' trust each other.");
        return ExitStatus.Ok;
    }

    private static string Ask(VerbContext context)
    {
        if (context.Terminal.IsInteractive)
        {
            context.Terminal.Out.Write("Invitation: ");
            context.Terminal.Out.Flush();
        }

        return Console.In.ReadLine() is { Length: > 0 } line ? line : throw new CliException("MissingArgument", "Give the invitation that 'vireo trust invite' printed on the other host.");
    }

    private static async Task<int> RemoveAsync(VerbContext context, HostClient host, string name)
    {
        var peer = await PostAsync(context, host, "remove", new JsonObject { ["name"] = name });
        Tell(context, peer, $"The host '{NameOf(peer)}' is trusted no longer.");
        return ExitStatus.Ok;
    }

    private static async Task<int> RenewAsync(VerbContext context, HostClient host)
    {
        Tell(context, await PostAsync(context, host, "renew", []), "This host has a new certificate.");
        return ExitStatus.Ok;
    }

    private static async Task<int> LeaveAsync(VerbContext context, HostClient host)
    {
        Tell(context, await PostAsync(context, host, "leave", []), "This host trusts no other host any more.");
        return ExitStatus.Ok;
    }

    private static async Task<int> UseAsync(VerbContext context, HostClient host, string authority, string certificate, string key)
    {
        var body = new JsonObject { ["authority"] = Read(authority), ["certificate"] = Read(certificate), ["key"] = Read(key) };
        Tell(context, await PostAsync(context, host, "use", body), "This host uses the certificate.");
        return ExitStatus.Ok;
    }

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CliException("ObjectNotFound", $"The file '{path}' cannot be read: {error.Message}", ExitStatus.Error);
        }
    }

    private static void Tell(VerbContext context, JsonElement answer, string sentence) =>
        context.Terminal.Out.Write((context.Options.Json ? answer.GetRawText() : sentence) + "\n");

    private static string NameOf(JsonElement peer) => CellText.Harmless(peer.GetProperty("name").GetString()!);

    private static async Task<JsonElement> PostAsync(VerbContext context, HostClient host, string action, JsonObject body)
    {
        var (isDone, answer) = await host.TryPostAsync($"api/trust/{action}", body.ToJsonString(), context.Cancellation);
        return isDone
            ? answer
            : throw new CliException(answer.GetProperty("errorId").GetString()!, CellText.Harmless(answer.GetProperty("message").GetString()!), ExitStatus.Error);
    }
}
