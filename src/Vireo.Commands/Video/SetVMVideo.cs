using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Video;

/// <summary>Changes the screens of virtual machines. The guest is told by what its monitor says of itself (EDID).</summary>
[Command("Set", "VMVideo", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMVideo))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "there is no such resolution")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Set-VMVideo web1 -ResolutionType Single -HorizontalResolution 1920 -VerticalResolution 1080", "Gives web1 a screen of 1920 by 1080 pixels.")]
public sealed class SetVMVideo : ChangePartCommand
{
    private const int SmallestWidth = 640;
    private const int SmallestHeight = 480;
    private const int GreatestWidth = 5120;
    private const int GreatestHeight = 2880;

    /// <summary>Screens, as Get-VMVideo writes them.</summary>
    [Parameter(ParameterSetName = "VMVideo", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMVideo[]? VMVideo { get; set; }

    /// <summary><c>Maximum</c>: up to the numbers. <c>Single</c>: just them. <c>Default</c>: the guest chooses.</summary>
    [Parameter(Position = 1)]
    public ResolutionType? ResolutionType { get; set; }

    /// <summary>Pixels in a row.</summary>
    [Parameter(Position = 2)]
    public ushort? HorizontalResolution { get; set; }

    /// <summary>Rows.</summary>
    [Parameter(Position = 3)]
    public ushort? VerticalResolution { get; set; }

    /// <summary>Write the screen to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ChangeEachAsync(
        context,
        VMVideo is null ? Machines(context) : Owners(context, VMVideo),
        "Set-VMVideo",
        Apply,
        Passthru ? machine => context.WriteObject(VideoMapper.Video(machine, context.Service<IHostSettings>().Facts.Name)) : null);

    private VirtualMachineConfiguration Apply(VirtualMachineConfiguration c, MachineStatus status)
    {
        RequireOff(c, status, "its screen");
        var video = c.Video with
        {
            Resolution = ResolutionType is { } type ? Enum.Parse<VideoResolution>(type.ToString()) : c.Video.Resolution,
            Horizontal = HorizontalResolution ?? c.Video.Horizontal,
            Vertical = VerticalResolution ?? c.Video.Vertical,
        };
        return video is { Horizontal: >= SmallestWidth and <= GreatestWidth, Vertical: >= SmallestHeight and <= GreatestHeight } && video.Horizontal % 8 == 0
            ? c with { Video = video }
            : throw Errors.Invalid(
                $"A screen of {video.Horizontal} by {video.Vertical} pixels is not possible; there are {SmallestWidth} by {SmallestHeight} to {GreatestWidth} by {GreatestHeight}, the width a multiple of 8.", c.Name);
    }
}
