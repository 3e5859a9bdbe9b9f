namespace Vireo.Disks;

/// <summary>How bad a finding of a check is.</summary>
public enum FindingSeverity
{
    /// <summary>Worth knowing; nothing is wrong.</summary>
    Information,

    /// <summary>Against the format or unsafe, but no data is lost: the image opens.</summary>
    Warning,

    /// <summary>The image is damaged.</summary>
    Error,
}

/// <summary>Something that a check of an image found.</summary>
/// <param name="Severity">How bad it is.</param>
/// <param name="OffsetBytes">Where in the file; null when it is about the whole.</param>
/// <param name="Message">One sentence without its end.</param>
public sealed record ImageFinding(FindingSeverity Severity, long? OffsetBytes, string Message);

/// <summary>What a check of an image file found, and what the file is made of.</summary>
/// <param name="Findings">In the order of the file's structures; of very many of one kind the first ones and a count.</param>
/// <param name="Structure">Lines for a person, two blanks of indentation a level.</param>
public sealed record ImageReport(IReadOnlyList<ImageFinding> Findings, IReadOnlyList<string> Structure)
{
    /// <summary>Whether nothing is damaged.</summary>
    public bool IsSound => Findings.All(static finding => finding.Severity != FindingSeverity.Error);
}
