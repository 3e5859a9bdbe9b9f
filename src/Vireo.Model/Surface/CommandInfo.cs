namespace Vireo.Surface;

/// <summary>An example: the line that is typed and what it does.</summary>
public sealed record CommandExample(string Line, string Effect);

/// <summary>An error a command can report: id, category and the end of the sentence "reported when ...".</summary>
public sealed record CommandErrorInfo(string ErrorId, string Category, string When);

/// <summary>
/// A command as every surface shows it: the API, the CLI and PowerShell are made from the same source, so that they agree.
/// </summary>
/// <param name="Verb">Verb.</param>
/// <param name="Noun">Noun.</param>
/// <param name="Parameters">Its parameters, without PowerShell's common ones.</param>
public sealed record CommandInfo(string Verb, string Noun, IReadOnlyList<ParameterInfo> Parameters)
{
    /// <summary>The set of commands that have but one.</summary>
    public const string OnlySet = "__AllParameterSets";

    /// <summary>For example <c>Start-VM</c>.</summary>
    public string Name { get; } = Verb + "-" + Noun;

    /// <summary>Parameter sets, in the order of declaration; one at least.</summary>
    public IReadOnlyList<string> Sets { get; init; } = [OnlySet];

    /// <summary>Set that is taken when the parameters leave several possible.</summary>
    public string? DefaultSet { get; init; }

    /// <summary>Other names.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Takes <c>-WhatIf</c> and <c>-Confirm</c>.</summary>
    public bool SupportsShouldProcess { get; init; }

    /// <summary>Takes <c>-AsJob</c>.</summary>
    public bool SupportsAsJob { get; init; }

    /// <summary>How much it can harm: None, Low, Medium or High.</summary>
    public string ConfirmImpact { get; init; } = "Medium";

    /// <summary>Full name of the cmdlet's class: the second half of its error ids.</summary>
    public string CmdletClass { get; init; } = "";

    /// <summary>Full names of the types it writes.</summary>
    public IReadOnlyList<string> OutputTypes { get; init; } = [];

    /// <summary>One sentence.</summary>
    public string Synopsis { get; init; } = "";

    /// <summary>More, or empty.</summary>
    public string Description { get; init; } = "";

    /// <summary>Examples.</summary>
    public IReadOnlyList<CommandExample> Examples { get; init; } = [];

    /// <summary>Every error of its own that it can report.</summary>
    public IReadOnlyList<CommandErrorInfo> Errors { get; init; } = [];

    /// <summary>The parameter with this name or alias, or null.</summary>
    public ParameterInfo? Find(string name)
    {
        foreach (var parameter in Parameters)
        {
            if (parameter.IsCalled(name))
            {
                return parameter;
            }
        }

        return null;
    }
}
