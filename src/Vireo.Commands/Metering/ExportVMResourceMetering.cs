using System.Text;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Metering;

/// <summary>
/// Writes the history of metering into a file for billing: a line for each hour of each virtual machine and resource pool that was metered, also of
/// those that are gone. Resetting the metering does not touch the history.
/// </summary>
[Command("Export", "VMResourceMetering", SupportsShouldProcess = true)]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the file exists and -Force was not given")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "the file cannot be written")]
[Example("Export-VMResourceMetering /srv/bills/october.csv -After 2026-10-01 -Before 2026-11-01", "Writes the hours that began in October.")]
[Example("Export-VMResourceMetering /srv/bills/all.json -Format Json", "Writes all that is kept, as JSON.")]
public sealed class ExportVMResourceMetering : MachineCommand
{
    /// <summary>The file.</summary>
    [Parameter(Position = 0, Mandatory = true)]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>Csv or Json; Csv when left out.</summary>
    [Parameter]
    [ValidateSet("Csv", "Json")]
    public string? Format { get; set; }

    /// <summary>Only periods that began at this time or later.</summary>
    [Parameter]
    public DateTime? After { get; set; }

    /// <summary>Only periods that began before this time.</summary>
    [Parameter]
    public DateTime? Before { get; set; }

    /// <summary>Replace a file that is there.</summary>
    [Parameter]
    public Switch Force { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        if (File.Exists(Path) && !Force)
        {
            throw Errors.Invalid($"The file '{Path}' exists; give -Force to replace it.", Path);
        }

        if (!await context.ShouldProcessAsync(Path, "Export-VMResourceMetering"))
        {
            return;
        }

        var periods = await context.Service<IMetering>().HistoryAsync(
            After is { } after ? new DateTimeOffset(after) : DateTimeOffset.UnixEpoch, Before is { } before ? new DateTimeOffset(before) : DateTimeOffset.MaxValue, context.Cancellation);
        var lines = periods.Select(MeterExport.Line);
        var temporary = $"{Path}.{Guid.NewGuid():N}.tmp";
        try
        {
            // Whole or not at all.
            await using (var output = new StreamWriter(temporary, append: false, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)))
            {
                if (string.Equals(Format, "Json", StringComparison.OrdinalIgnoreCase))
                {
                    MeterExport.WriteJson(output, lines);
                }
                else
                {
                    MeterExport.WriteCsv(output, lines);
                }
            }

            File.Move(temporary, Path, overwrite: true);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(temporary))
            {
                File.Delete(temporary);
            }

            throw Errors.NotFound($"The file '{Path}' cannot be written: {refused.Message}", Path);
        }
    }
}
