using Vireo.Commands.Framework;

namespace Vireo.Commands.Disks;

/// <summary>Base of the commands that work on virtual hard disks, one after the other.</summary>
public abstract class ManyDisksCommand : DiskCommand
{
    /// <summary>Disks.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName")]
    [FilePath(OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string[]? Path { get; set; }

    /// <summary>Write the disks to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }
}
