namespace Vireo.Commands.Services;

/// <summary>A virtual hard disk that is a block device of this host.</summary>
/// <param name="Id">Of the mount.</param>
/// <param name="Path">The virtual hard disk.</param>
/// <param name="ReadOnly">Nothing is written to it.</param>
/// <param name="DevicePath">The block device, for example <c>/dev/loop0</c>.</param>
/// <param name="Number">Number of the disk: the kernel gives each disk another one (<c>/sys/block/*/diskseq</c>), until this computer starts again.</param>
/// <param name="Method">How it came to be one, in words.</param>
public sealed record MountedDisk(Guid Id, string Path, bool ReadOnly, string DevicePath, uint Number, string Method);

/// <summary>Virtual hard disks as block devices of this host. What is mounted stays so when a plane or the host ends, until this computer does.</summary>
public interface IMounts
{
    /// <summary>What is mounted.</summary>
    IReadOnlyList<MountedDisk> All { get; }

    /// <summary>The block device of this host that has the number, also of a disk that is no virtual one; null when there is none.</summary>
    string? FindDevice(uint number);

    /// <summary>Makes a virtual hard disk a block device; both or nothing.</summary>
    /// <exception cref="Framework.CommandException">It is mounted, in use, no disk; or this computer lacks what it takes.</exception>
    Task<MountedDisk> MountAsync(string path, bool readOnly, CancellationToken cancellation);

    /// <summary>Takes the block device away. One that is not there has gone already.</summary>
    /// <exception cref="Framework.CommandException">Something is mounted from it.</exception>
    Task DismountAsync(Guid id, CancellationToken cancellation);
}
