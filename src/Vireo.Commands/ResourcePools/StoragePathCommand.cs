using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.ResourcePools;

/// <summary>Base of the commands that change the folders of resource pools of images.</summary>
public abstract class StoragePathCommand : Command
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

    /// <summary>Changes the folders of every pool that is named.</summary>
    private protected void Change(CommandContext context, Func<IEnumerable<string>, IEnumerable<string>, IEnumerable<string>> change)
    {
        var paths = Path!.Select(System.IO.Path.GetFullPath).ToList();
        PoolChanges.Each(context, ResourcePoolType!.Value, ResourcePoolName!, pool => pool with { Paths = [.. change(pool.Paths, paths)] });
        if (Passthru)
        {
            paths.ForEach(context.WriteObject);
        }
    }
}
