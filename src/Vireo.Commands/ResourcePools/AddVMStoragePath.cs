using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.ResourcePools;

/// <summary>Adds folders to resource pools of images.</summary>
[Command("Add", "VMStoragePath", SupportsShouldProcess = true)]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the pool holds no images, is the one of everything, or its parents do not hold the folder")]
[Example("Add-VMStoragePath /srv/contoso contoso VHD", "Lets disks of the pool contoso come from /srv/contoso.")]
public sealed class AddVMStoragePath : Command
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
    public override async Task RunAsync(CommandContext context)
    {
        var paths = Path!.Select(System.IO.Path.GetFullPath).ToList();
        if (!await context.ShouldProcessAsync(string.Join(", ", ResourcePoolName!), "Add-VMStoragePath"))
        {
            return;
        }

        PoolChanges.Each(context, ResourcePoolType!.Value, ResourcePoolName!, pool => pool with { Paths = [.. pool.Paths.Union(paths, StringComparer.Ordinal)] });
        if (Passthru)
        {
            paths.ForEach(context.WriteObject);
        }
    }
}
