using System.Globalization;

namespace Vireo.Disks;

/// <summary>Collects a report, with a bound on findings of one kind.</summary>
internal sealed class ImageReportBuilder
{
    private const int MostOfAKind = 20;
    private readonly List<ImageFinding> _findings = [];
    private readonly List<string> _structure = [];
    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);

    /// <summary>Adds a finding.</summary>
    /// <param name="severity">How bad it is.</param>
    /// <param name="offsetBytes">Where in the file.</param>
    /// <param name="message">What it is.</param>
    /// <param name="kind">Findings of one kind are bounded together; null for one that can only be there once.</param>
    public void Add(FindingSeverity severity, long? offsetBytes, string message, string? kind = null)
    {
        if (kind is not null)
        {
            _counts[kind] = _counts.GetValueOrDefault(kind) + 1;
            if (_counts[kind] > MostOfAKind)
            {
                return;
            }
        }

        _findings.Add(new ImageFinding(severity, offsetBytes, message));
    }

    /// <summary>Adds what an exception says as an error.</summary>
    public void Add(ImageException exception) => Add(FindingSeverity.Error, exception.OffsetBytes, exception.Message.TrimEnd('.'));

    /// <summary>Adds a line to the description of the file.</summary>
    public void Line(int level, FormattableString line) => _structure.Add(new string(' ', 2 * level) + line.ToString(CultureInfo.InvariantCulture));

    /// <summary>The report.</summary>
    public ImageReport Build()
    {
        foreach (var (kind, count) in _counts.Where(static entry => entry.Value > MostOfAKind))
        {
            var severity = kind.StartsWith('!') ? FindingSeverity.Error : FindingSeverity.Information;
            _findings.Add(new ImageFinding(severity, null, $"{count - MostOfAKind} more {kind.TrimStart('!')} were found"));
        }

        return new ImageReport(_findings, _structure);
    }

    /// <summary>A length as people say it.</summary>
    public static string Size(long bytes)
    {
        string[] units = ["bytes", "KB", "MB", "GB", "TB"];
        var value = (double)bytes;
        var unit = 0;
        while (value >= 1024 && unit < units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value:0.##} {units[unit]}");
    }
}
