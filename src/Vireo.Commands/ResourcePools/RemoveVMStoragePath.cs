using Vireo.Commands.Framework;

namespace Vireo.Commands.ResourcePools;

/// <summary>Takes folders out of resource pools of images.</summary>
[Command("Remove", "VMStoragePath")]
[OutputType(typeof(string))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the pool holds no images, is the one of everything, or its parents do not hold the folder")]
[Example("Remove-VMStoragePath /srv/contoso contoso VHD", "Keeps disks of the pool contoso out of /srv/contoso; machines whose disks are there start no more.")]
public sealed class RemoveVMStoragePath : StoragePathCommand
{
    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        Change(context, static (has, given) => has.Except(given, StringComparer.Ordinal));
        return Task.CompletedTask;
    }
}
