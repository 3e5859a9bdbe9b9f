using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Vireo.Commands.Services;

namespace Vireo.Commands.Support;

/// <summary>A line of a bill. Sizes of memory and disks are in 2^20 bytes, traffic in bytes, times in seconds.</summary>
public sealed record MeterExportLine(
    string Kind, Guid Id, string Name, DateTimeOffset Started, DateTimeOffset Ended, double DurationSeconds, double RunningSeconds, double ProcessorSeconds,
    long? AverageMegahertz, long? AverageMemory, long? MinimumMemory, long? MaximumMemory, long? DiskAllocation, long DiskBytesRead, long DiskBytesWritten,
    long DiskNormalizedOperations, long NetworkInboundBytes, long NetworkOutboundBytes, IReadOnlyList<MeteredTraffic> Traffic);

/// <summary>Makes files for billing out of the history of metering.</summary>
public static class MeterExport
{
    private static readonly string[] s_columns =
    [
        "Kind", "Id", "Name", "Started", "Ended", "DurationSeconds", "RunningSeconds", "ProcessorSeconds", "AverageMegahertz", "AverageMemory", "MinimumMemory",
        "MaximumMemory", "DiskAllocation", "DiskBytesRead", "DiskBytesWritten", "DiskNormalizedOperations", "NetworkInboundBytes", "NetworkOutboundBytes", "Traffic",
    ];

    /// <summary>A period as a line. What no meter has counted is left out of its traffic.</summary>
    public static MeterExportLine Line(MeteredPeriod period)
    {
        ArgumentNullException.ThrowIfNull(period);
        var figures = period.Figures;
        return new MeterExportLine(
            period.Kind, period.Id, period.Name, figures.Since, period.Ended, figures.Duration.TotalSeconds, figures.Running.TotalSeconds, figures.ProcessorTime.TotalSeconds,
            figures.AverageProcessor, figures.AverageMemory, figures.MinimumMemory, figures.MaximumMemory, figures.MaximumDiskAllocation,
            figures.Disks.Sum(static one => one.BytesRead), figures.Disks.Sum(static one => one.BytesWritten), figures.Disks.Sum(static one => one.NormalizedOperations),
            figures.Adapters.Sum(static one => one.InboundBytes), figures.Adapters.Sum(static one => one.OutboundBytes),
            [.. figures.Traffic.Where(static one => one.Bytes > 0)]);
    }

    /// <summary>Comma-separated values (RFC 4180) with a heading; traffic is <c>Outbound 10.0.0.0/8=1234</c>, several by semicolons.</summary>
    public static void WriteCsv(TextWriter output, IEnumerable<MeterExportLine> lines)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(lines);
        Row(s_columns);
        foreach (var line in lines)
        {
            Row(
            [
                line.Kind, line.Id.ToString("D"), line.Name, Time(line.Started), Time(line.Ended), Seconds(line.DurationSeconds), Seconds(line.RunningSeconds), Seconds(line.ProcessorSeconds),
                Number(line.AverageMegahertz), Number(line.AverageMemory), Number(line.MinimumMemory), Number(line.MaximumMemory), Number(line.DiskAllocation),
                Number(line.DiskBytesRead), Number(line.DiskBytesWritten), Number(line.DiskNormalizedOperations), Number(line.NetworkInboundBytes), Number(line.NetworkOutboundBytes),
                string.Join(';', line.Traffic.Select(static one => $"{one.Direction} {(one.Remote.Length == 0 ? "ANY" : one.Remote)}={one.Bytes.ToString(CultureInfo.InvariantCulture)}")),
            ]);
        }

        void Row(IEnumerable<string> cells) => output.Write($"{string.Join(',', cells.Select(Quote))}\r\n");
    }

    /// <summary>An array of objects, JSON.</summary>
    public static void WriteJson(TextWriter output, IEnumerable<MeterExportLine> lines)
    {
        ArgumentNullException.ThrowIfNull(output);
        output.Write(JsonSerializer.Serialize(lines.ToList(), MeterExportJson.Default.ListMeterExportLine));
    }

    private static string Quote(string cell) =>
        cell.AsSpan().ContainsAny(",\"\r\n") ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : cell;

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    private static string Number(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "";

    private static string Seconds(double number) => number.ToString("0.###", CultureInfo.InvariantCulture);
}

/// <summary>How lines look as JSON.</summary>
[JsonSourceGenerationOptions(WriteIndented = true)]
[JsonSerializable(typeof(List<MeterExportLine>))]
internal sealed partial class MeterExportJson : JsonSerializerContext;
