using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control.Switching;

namespace Vireo.Commands.Switches;

/// <summary>
/// Has the host write what happens to frames in its virtual switches into files: a capture that Wireshark opens, with the verdict on each frame,
/// and beside it the same as text. The last four files of 64 MB each are kept. Stop-VMTrace ends it.
/// </summary>
[Command("Start", "VMTrace")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the path is not absolute")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "a trace is under way already")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the file cannot be made")]
[Example("Start-VMTrace Error", "Writes the frames that reach nobody.")]
[Example("Start-VMTrace Verbose -Path /tmp/network.pcapng", "Writes every frame, whole, to a file of your own.")]
public sealed class StartVMTrace : Command
{
    private const int FirstBytes = 128;

    /// <summary>How much: Error and Warning write frames that reach nobody, Info the first bytes of every frame, Verbose all bytes.</summary>
    [Parameter(Position = 0, Mandatory = true)]
    public TraceLevel? Level { get; set; }

    /// <summary>Absolute path of the first file on the host; without it one in the host's own folder.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Write all bytes of the frames, whatever the level.</summary>
    [Parameter]
    public Switch TraceVerboseObjects { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        if (Path is not null && !System.IO.Path.IsPathRooted(Path))
        {
            throw Errors.Invalid($"'{Path}' is not an absolute path on the host.", Path);
        }

        var bytes = TraceVerboseObjects || Level == TraceLevel.Verbose ? 0 : FirstBytes;
        var request = new TraceRequest(DropsOnly: Level is TraceLevel.Error or TraceLevel.Warning, Capture: new CaptureRequest(Path ?? "", FrameBytes: bytes, Text: true));
        var file = await context.Service<ISwitches>().StartTraceAsync(request, Path, context.Cancellation)
            ?? throw Errors.State("A trace is under way already; end it with Stop-VMTrace first.", null);
        context.WriteVerbose($"The trace is written to '{file}'.");
    }
}
