using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.ResourcePools;

/// <summary>Takes folders out of resource pools of images.</summary>
[Command("Remove", "VMStoragePath")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the pool holds no images, is the one of everything, or its parents do not hold the folder")]
[Example("Remove-VMStoragePath /srv/contoso contoso VHD", "Keeps disks of the pool contoso out of /srv/contoso; machines whose disks are there start no more.")]
public sealed class RemoveVMStoragePath : Command
{
    /// <summary>Folders.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string[]? Path { get; set; }

    /// <summary>Names of pools.</summary>
    [Parameter(Position = 1, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string[]? ResourcePoolName { get; set; }

    /// <summary>What the pools gather.</summary>
    [Parameter(Position = 2, Mandatory = true)]
    [ValidateSet("VHD", "ISO", "VFD")]
    public VMResourcePoolType? ResourcePoolType { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the folders to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var paths = Path!.Select(System.IO.Path.GetFullPath).ToList();
        PoolChanges.Each(context, ResourcePoolType!.Value, ResourcePoolName!, pool => pool with { Paths = [.. pool.Paths.Except(paths, StringComparer.Ordinal)] });
        if (Passthru)
        {
            paths.ForEach(context.WriteObject);
        }

        return Task.CompletedTask;
    }
}
