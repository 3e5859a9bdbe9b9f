using Vireo.Commands.Framework;

namespace Vireo.Commands.Disks;

/// <summary>Base of the commands that work on one virtual hard disk.</summary>
public abstract class OneDiskCommand : DiskCommand
{
    /// <summary>The disk.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName")]
    [FilePath(OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Write the disk that came of it to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }
}
