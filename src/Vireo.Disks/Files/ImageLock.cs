using Vireo.Platform.Files;

namespace Vireo.Disks.Files;

/// <summary>
/// Keeps two programs from writing one image. A writer excludes everybody, readers exclude writers. The locks follow the file
/// descriptor, so a killed process leaves none.
/// </summary>
/// <remarks>
/// Two schemes at once. Our own lock on byte 0 is one atomic call. Beside it the bytes that QEMU's programs use: a program that uses
/// permission <c>i</c> holds byte 100 + i, one that does not let others use it holds byte 200 + i, both shared, and each looks whether a
/// byte of the other kind is held. So <c>qemu-img</c> refuses an image that is open here, and the other way round.
/// </remarks>
public static class ImageLock
{
    /// <summary>
    /// A lock belongs to the open file, and a process that is being started holds copies of its parent's open files until it becomes its
    /// program: an image that was just closed may be locked for that moment.
    /// </summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(250);

    private const int PermissionUsed = 100;
    private const int PermissionNotShared = 200;
    private const int ConsistentRead = 0;
    private const int Write = 1;
    private const int Resize = 3;

    /// <summary>Takes the locks for reading, or for writing when <paramref name="exclusive"/>.</summary>
    /// <exception cref="ImageException">Somebody else has the image open in a way that conflicts.</exception>
    public static void Take(NativeFile file, bool exclusive)
    {
        try
        {
            int[] used = exclusive ? [ConsistentRead, Write, Resize] : [ConsistentRead];
            int[] notShared = exclusive ? [ConsistentRead, Write, Resize] : [Write, Resize];
            var granted = SpinWait.SpinUntil(() => FileLock.TryLock(file, exclusive, 0, 1)
                && Array.TrueForAll(used, permission => FileLock.TryLock(file, exclusive: false, PermissionUsed + permission, 1))
                && Array.TrueForAll(notShared, permission => FileLock.TryLock(file, exclusive: false, PermissionNotShared + permission, 1))
                && Array.TrueForAll(used, permission => FileLock.WouldLock(file, exclusive: true, PermissionNotShared + permission, 1))
                && Array.TrueForAll(notShared, permission => FileLock.WouldLock(file, exclusive: true, PermissionUsed + permission, 1)), s_patience);
            if (!granted)
            {
                throw new ImageException(
                    ImageErrorKind.InUse,
                    file.Path,
                    $"The image '{file.Path}' is in use by another program{(exclusive ? string.Empty : " that writes to it")}; close it there and try again.");
            }
        }
        catch (IOException exception)
        {
            throw new ImageException(ImageErrorKind.IoError, file.Path, exception.Message, exception);
        }
    }

    /// <summary>Whether somebody else has the image open; nothing is locked.</summary>
    public static bool IsHeld(NativeFile file) =>
        !FileLock.WouldLock(file, exclusive: true, 0, 1)
        || !FileLock.WouldLock(file, exclusive: true, PermissionUsed, 100)
        || !FileLock.WouldLock(file, exclusive: true, PermissionNotShared, 100);
}
