using Vireo.Commands.Framework;

namespace Vireo.Commands.ResourcePools;

/// <summary>Adds folders to resource pools of images.</summary>
[Command("Add", "VMStoragePath", SupportsShouldProcess = true)]
[OutputType(typeof(string))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the pool holds no images, is the one of everything, or its parents do not hold the folder")]
[Example("Add-VMStoragePath /srv/contoso contoso VHD", "Lets disks of the pool contoso come from /srv/contoso.")]
public sealed class AddVMStoragePath : StoragePathCommand
{
    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        if (await context.ShouldProcessAsync(string.Join(", ", ResourcePoolName!), "Add-VMStoragePath"))
        {
            Change(context, static (has, given) => has.Union(given, StringComparer.Ordinal));
        }
    }
}
