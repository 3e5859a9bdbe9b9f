using System.Diagnostics.CodeAnalysis;

namespace Vireo.Platform.Files;

/// <summary>
/// A file or folder on a share of a file server: <c>\\server\share\folder\file</c>. [MS-DTYP] 2.2.57 with the restrictions of [MS-FSCC] 2.1.5 on names:
/// there are no parts that go up, no streams, and nothing that a server or a file system could read in two ways.
/// </summary>
/// <param name="Server">Name or IPv4 address of the server.</param>
/// <param name="Share">The share.</param>
/// <param name="Name">The path inside the share, its parts separated by backslashes; empty for the share itself.</param>
public sealed record UncPath(string Server, string Share, string Name)
{
    private const int LongestPath = 1024;
    private const int LongestPart = 255;
    private const string Prefix = @"\\";
    private const string ForbiddenInNames = "<>:\"|?*/";

    /// <summary>The folder that the file is in; null for what lies in the share itself.</summary>
    public string? FolderName => Name.LastIndexOf('\\') is var at and > 0 ? Name[..at] : null;

    /// <summary>The last part.</summary>
    public string FileName => Name[(Name.LastIndexOf('\\') + 1)..];

    /// <summary>Whether a path is of this kind, be it a right one or not. No absolute path of this system begins so.</summary>
    public static bool IsUnc([NotNullWhen(true)] string? path) => path is not null && path.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Reads a path.</summary>
    /// <exception cref="FormatException">It is none; the message is a clause that says what is wrong.</exception>
    public static UncPath Parse(string path) => TryParse(path, out var unc, out var problem) ? unc : throw new FormatException(problem);

    /// <summary>Reads a path; <paramref name="problem"/> is a clause that says what is wrong with it.</summary>
    public static bool TryParse(string path, [NotNullWhen(true)] out UncPath? unc, [NotNullWhen(false)] out string? problem)
    {
        (unc, problem) = (null, null);
        if (!IsUnc(path) || path.Length > LongestPath)
        {
            problem = path.Length > LongestPath ? $"it has more than {LongestPath} characters" : @"it does not begin with \\";
            return false;
        }

        var parts = path[Prefix.Length..].Split('\\');
        if (parts.Length < 2)
        {
            problem = @"it names no share; write \\server\share\file";
            return false;
        }

        if (!IsServer(parts[0]))
        {
            problem = $"'{Shown(parts[0])}' is no name of a server";
            return false;
        }

        foreach (var part in parts.AsSpan(1))
        {
            if (ProblemOf(part) is { } found)
            {
                problem = found;
                return false;
            }
        }

        unc = new UncPath(parts[0], parts[1], string.Join('\\', parts, 2, parts.Length - 2));
        return true;
    }

    /// <summary>Whether both mean the same file; servers do not tell capitals from small letters.</summary>
    public static bool AreSame(string one, string other) => string.Equals(one, other, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether both are on one share, by their names.</summary>
    public bool IsOnShareOf(UncPath other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return AreSame(Server, other.Server) && AreSame(Share, other.Share);
    }

    /// <summary>What lies beside this file, or below its folder, by a path relative to the folder; null when that leads out of the share or is no path.</summary>
    public UncPath? Beside(string relative)
    {
        ArgumentNullException.ThrowIfNull(relative);
        List<string> parts = [.. FolderName?.Split('\\') ?? []];
        foreach (var part in relative.Replace('/', '\\').Split('\\'))
        {
            switch (part)
            {
                case "" or ".":
                    break;
                case ".." when parts.Count == 0:
                    return null;
                case "..":
                    parts.RemoveAt(parts.Count - 1);
                    break;
                default:
                    parts.Add(part);
                    break;
            }
        }

        return TryParse($@"{Prefix}{Server}\{Share}\{string.Join('\\', parts)}", out var found, out _) ? found : null;
    }

    /// <summary>How another file of the same share is named from this one's folder, with backslashes; null when it is on another share.</summary>
    public string? RelativeTo(UncPath other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (!IsOnShareOf(other))
        {
            return null;
        }

        string[] from = FolderName?.Split('\\') ?? [];
        var to = other.Name.Split('\\');
        var common = 0;
        while (common < from.Length && common < to.Length - 1 && AreSame(from[common], to[common]))
        {
            common++;
        }

        var up = from.Length - common;
        return (up == 0 ? @".\" : string.Concat(Enumerable.Repeat(@"..\", up))) + string.Join('\\', to, common, to.Length - common);
    }

    /// <inheritdoc/>
    public override string ToString() => Name.Length == 0 ? $@"{Prefix}{Server}\{Share}" : $@"{Prefix}{Server}\{Share}\{Name}";

    private static bool IsServer(string text) => text.Length is > 0 and <= LongestPart && text.Any(char.IsAsciiLetterOrDigit) && !text.StartsWith('-')
        && text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');

    private static string? ProblemOf(string part) => part switch
    {
        "" => "it has an empty part",
        "." or ".." => $"its part '{part}' would lead elsewhere",
        { Length: > LongestPart } => $"a part of it has more than {LongestPart} characters",
        _ when part.Any(static c => c < ' ' || ForbiddenInNames.Contains(c, StringComparison.Ordinal)) => $"'{Shown(part)}' has a character that names on a share cannot have",
        _ when part[^1] is '.' or ' ' || part[0] == ' ' => $"'{part}' begins or ends with what servers leave out",
        _ when !IsText(part) => "it has half of a character",
        _ => null,
    };

    // Half a surrogate pair has no UTF-8, so two spellings could mean one file.
    private static bool IsText(string part)
    {
        for (var i = 0; i < part.Length; i++)
        {
            if (char.IsSurrogate(part[i]) && (!char.IsHighSurrogate(part[i]) || ++i == part.Length || !char.IsLowSurrogate(part[i])))
            {
                return false;
            }
        }

        return true;
    }

    private static string Shown(string text) => string.Concat(text.Take(40).Select(static c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c));
}
