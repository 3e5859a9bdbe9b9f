using Vireo.Surface;

namespace Vireo.Cli.Verbs;

/// <summary><c>vireo help</c>: works without a host, from what was built in.</summary>
internal static class HelpVerb
{
    public static Task<int> RunAsync(VerbContext context)
    {
        if (context.Arguments.Count == 0)
        {
            Overview(context.Terminal.Out);
            return Task.FromResult(ExitStatus.Ok);
        }

        return Task.FromResult(Show(context.Terminal.Out, context.Arguments[0]));
    }

    /// <summary>Every verb and command with its sentence.</summary>
    public static void Overview(TextWriter output)
    {
        output.Write("Vireo runs virtual machines. Commands are those of the Hyper-V module:\n\n");
        output.Write("  vireo New-VM -Name web1 -MemoryStartupBytes 512MB -NewVHDPath web1.vhdx -NewVHDSizeBytes 40GB\n");
        output.Write("  vireo Get-VM web*\n");
        output.Write("  vireo \"Get-VM web* | Stop-VM -TurnOff\"\n\n");
        foreach (var verb in Verb.All)
        {
            output.Write($"  {verb.Name,-32} {verb.Help}\n");
        }

        output.Write('\n');
        var synopses = CommandTable.Synopses;
        var names = CommandTable.Names;
        for (var i = 0; i < names.Count; i++)
        {
            output.Write($"  {names[i],-32} {FirstSentence(synopses[i])}\n");
        }

        output.Write("\nOptions before a command: --root FOLDER (another host of this machine), --host unix:/PATH (the same, by its socket).\n");
        output.Write("A host of this version listens on its Unix socket only; for one on another machine, run vireo there: ssh MACHINE vireo Get-VM.\n");
        output.Write("Every command takes -Json, -Verbose, -ErrorAction and -WarningAction. 'vireo help New-VM' explains one.\n");
    }

    /// <summary>Help on one command, or the commands of a noun.</summary>
    public static int Show(TextWriter output, string name)
    {
        if (CommandTable.Find(name) is { } command)
        {
            Command(output, command);
            return ExitStatus.Ok;
        }

        if (Verb.Find(name) is { } verb)
        {
            output.Write($"vireo {verb.Name}{(verb.Usage.Length > 0 ? " " : "")}{verb.Usage}\n\n  {verb.Help}.\n");
            return ExitStatus.Ok;
        }

        var same = CommandTable.Names.Where(candidate => candidate.Contains(name, StringComparison.OrdinalIgnoreCase)).ToList();
        if (same.Count == 0)
        {
            throw new CliException("CommandNotFoundException", $"There is no command '{name}'; 'vireo help' lists the commands.");
        }

        foreach (var candidate in same)
        {
            output.Write($"  {candidate,-32} {FirstSentence(CommandTable.Find(candidate)!.Synopsis)}\n");
        }

        return ExitStatus.Ok;
    }

    private static string FirstSentence(string text) => text.IndexOf(". ", StringComparison.Ordinal) is >= 0 and var end ? text[..(end + 1)] : text;

    private static void Command(TextWriter output, CommandInfo command)
    {
        output.Write($"{command.Name}\n\n  {command.Synopsis}\n");
        if (command.Description.Length > 0)
        {
            output.Write($"  {command.Description}\n");
        }

        if (command.Aliases.Count > 0)
        {
            output.Write($"\nAlso: {string.Join(", ", command.Aliases)}\n");
        }

        output.Write("\nSYNTAX\n");
        foreach (var set in command.Sets)
        {
            output.Write("  " + Syntax(command, set) + "\n");
        }

        output.Write("\nPARAMETERS\n");
        foreach (var parameter in command.Parameters)
        {
            output.Write($"  -{parameter.Name}{(parameter.Kind == ParameterKind.Switch ? "" : $" <{parameter.TypeName}>")}\n      {Meaning(parameter)}{Extra(parameter)}\n");
        }

        if (command.Examples.Count > 0)
        {
            output.Write("\nEXAMPLES\n");
            foreach (var example in command.Examples)
            {
                output.Write($"  {ForShell(example.Line)}\n      {example.Effect}\n");
            }
        }

        if (command.Errors.Count > 0)
        {
            output.Write("\nERRORS\n");
            foreach (var error in command.Errors)
            {
                output.Write($"  {error.ErrorId} ({error.Category}): when {error.When}\n");
            }
        }
    }

    /// <summary>One way to call the command, as PowerShell writes it.</summary>
    internal static string Syntax(CommandInfo command, string set)
    {
        var parts = new List<string> { command.Name };
        var inSet = command.Parameters.Select(parameter => (parameter, Place: parameter.In(set))).Where(static pair => pair.Place is not null)
            .OrderBy(static pair => pair.Place!.Position < 0 ? int.MaxValue : pair.Place.Position)
            .ThenBy(static pair => pair.Place!.Mandatory ? 0 : 1);
        foreach (var (parameter, place) in inSet)
        {
            var name = place!.Position >= 0 ? $"[-{parameter.Name}]" : $"-{parameter.Name}";
            var text = parameter.Kind == ParameterKind.Switch ? name : $"{name} <{parameter.TypeName}>";
            parts.Add(place.Mandatory ? text : $"[{text}]");
        }

        parts.AddRange(command.SupportsShouldProcess ? ["[-WhatIf]", "[-Confirm]"] : []);
        return string.Join(' ', parts);
    }

    /// <summary>What a parameter is, and what this version can do with it.</summary>
    internal static string Meaning(ParameterInfo parameter) => parameter is { ClientSide: true, Name: "ComputerName" }
        ? parameter.Help + " A host of this version listens on its Unix socket only: unix:/path names another host of the same machine by its socket."
        : parameter.Help;

    /// <summary>A line as it can be pasted into bash, zsh or PowerShell: none of them sees into single quotes.</summary>
    internal static string ForShell(string line)
    {
        if (line.AsSpan().IndexOfAny("$*?[]|;&<>(){}#@!~`\\") < 0)
        {
            return "vireo " + line;
        }

        // Quotes inside become double ones, which mean the same to us; where they would not, the way of the shells of Unix is left.
        var hasBoth = line.Contains('\'', StringComparison.Ordinal) && line.AsSpan().IndexOfAny('"', '`') >= 0;
        return $"vireo '{(hasBoth ? line.Replace("'", "'\\''", StringComparison.Ordinal) : line.Replace('\'', '"'))}'";
    }

    private static string Extra(ParameterInfo parameter)
    {
        var words = parameter.Values.Count > 0 ? parameter.Values.Select(static value => value.Name) : parameter.AcceptedValues;
        var text = words.Any() ? $" One of {string.Join(", ", words)}." : "";
        text += parameter.Minimum is { } least ? $" From {least} to {parameter.Maximum}." : "";
        text += parameter.Wildcards ? " Takes wildcards." : "";
        return text + (parameter.Aliases.Count > 0 ? $" Also -{string.Join(", -", parameter.Aliases)}." : "");
    }
}
