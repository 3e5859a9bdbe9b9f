using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Transfers;

/// <summary>Base of the commands that plan imports: what both are given.</summary>
public abstract class ImportCommand : MachineCommand
{
    /// <summary>Configuration file of an exported or copied virtual machine; with a folder, every configuration below it.</summary>
    [Parameter(ParameterSetName = "Register", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "Copy", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Use the files where they are. This is the default.</summary>
    [Parameter(ParameterSetName = "Register")]
    public Switch Register { get; set; }

    /// <summary>Copy all files; the source stays as it is.</summary>
    [Parameter(ParameterSetName = "Copy", Mandatory = true)]
    public Switch Copy { get; set; }

    /// <summary>Give the copy a new identity, so that it can be beside its source.</summary>
    [Parameter(ParameterSetName = "Copy")]
    public Switch GenerateNewId { get; set; }

    /// <summary>Folder for the disks; the host's default when left out.</summary>
    [Parameter(ParameterSetName = "Copy", Position = 1)]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? VhdDestinationPath { get; set; }

    /// <summary>Folder in which the disks of the source are looked for first.</summary>
    [Parameter(ParameterSetName = "Copy")]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? VhdSourcePath { get; set; }

    /// <summary>Folder for the configuration; one of the machine's name in the host's default folder when left out.</summary>
    [Parameter(ParameterSetName = "Copy")]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? VirtualMachinePath { get; set; }

    /// <summary>Folder for the files of checkpoints; that of the configuration when left out.</summary>
    [Parameter(ParameterSetName = "Copy")]
    [Alias("CheckpointFileLocation", "SnapshotFileLocation")]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? SnapshotFilePath { get; set; }

    /// <summary>Folder for the smart paging file; that of the configuration when left out.</summary>
    [Parameter(ParameterSetName = "Copy")]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? SmartPagingFilePath { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "Register")]
    [Parameter(ParameterSetName = "Copy")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>One request for each configuration that the path leads to.</summary>
    private protected IEnumerable<ImportRequest> Requests(CommandContext context)
    {
        var imports = context.Service<IImports>();
        var found = imports.FindConfigurations(Path!);
        foreach (var file in found)
        {
            // Whoever names a folder wants what is lost back, not to be told of what is there.
            if (found.Count > 1 && !Copy && imports.IsRegistered(file))
            {
                context.WriteVerbose($"'{file}' belongs to a virtual machine of this host already.");
                continue;
            }

            yield return new ImportRequest
            {
                Path = file,
                Copy = Copy,
                GenerateNewId = GenerateNewId,
                VirtualMachinePath = VirtualMachinePath,
                SnapshotFilePath = SnapshotFilePath,
                SmartPagingFilePath = SmartPagingFilePath,
                VhdDestinationPath = VhdDestinationPath,
                VhdSourcePath = VhdSourcePath,
            };
        }
    }

    /// <summary>The plan of a report.</summary>
    private protected static Guid PlanOf(Microsoft.HyperV.PowerShell.VMCompatibilityReport report) => report.VM?.Id
        ?? throw Errors.Invalid($"The configuration '{report.Path}' could not be read, so there is no virtual machine to go on with; see the report's incompatibilities.", report.Path);
}
