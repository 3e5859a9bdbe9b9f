namespace Vireo.Control.Storage;

/// <summary>How a guest or a tool reaches an open disk.</summary>
public enum FrontEndKind
{
    /// <summary>A vhost-user-blk device, for virtio guests.</summary>
    VhostUserBlock,

    /// <summary>An NBD server, for emulated controllers and tools.</summary>
    Nbd,
}

/// <summary>A disk that should be open. Asking for the same thing twice changes nothing.</summary>
/// <param name="Id">Chosen by the caller; the key of the disk.</param>
/// <param name="Path">Image file.</param>
/// <param name="ReadOnly">Opened for reading only.</param>
/// <param name="FrontEnd">How it is reached.</param>
/// <param name="SocketPath">Unix socket the plane listens on.</param>
/// <param name="Queues">Virtqueues offered (vhost-user-blk).</param>
/// <param name="SocketGroup">Group id that may connect besides root, or null.</param>
public sealed record DiskAttachment(
    Guid Id, string Path, bool ReadOnly, FrontEndKind FrontEnd, string SocketPath, int Queues = 1, int? SocketGroup = null);

/// <summary>An open disk as it is now.</summary>
public sealed record DiskStatus(
    DiskAttachment Attachment, long SizeBytes, int LogicalSectorBytes, int PhysicalSectorBytes, IReadOnlyList<string> Layers, int Connections,
    long BytesRead, long BytesWritten, long ReadOperations, long WriteOperations);

/// <summary>Format of a disk image.</summary>
public enum ImageFormat
{
    /// <summary>Plain bytes, also ISO 9660.</summary>
    Raw,

    /// <summary>VHD.</summary>
    Vhd,

    /// <summary>VHDX.</summary>
    Vhdx,
}

/// <summary>Kind of a virtual disk.</summary>
public enum ImageType
{
    /// <summary>All storage is allocated.</summary>
    Fixed,

    /// <summary>Storage is allocated as it is written.</summary>
    Dynamic,

    /// <summary>Holds what differs from a parent.</summary>
    Differencing,
}

/// <summary>An image to make. It exists complete, or not at all.</summary>
public sealed record CreateImage(
    string Path, ImageFormat Format, ImageType Type, long SizeBytes, int BlockSizeBytes = 0, int LogicalSectorBytes = 0, int PhysicalSectorBytes = 0,
    string? ParentPath = null);

/// <summary>What an image says of itself.</summary>
public sealed record ImageInfo(
    string Path, ImageFormat Format, ImageType Type, long SizeBytes, long FileSizeBytes, int BlockSizeBytes, int LogicalSectorBytes,
    int PhysicalSectorBytes, Guid DiskId, string? ParentPath, Guid? ParentDiskId, double? FragmentationPercent, long? MinimumSizeBytes, int AlignmentBytes, bool InUse);

/// <summary>A path on the plane's file systems.</summary>
public sealed record ImagePath(string Path);

/// <summary>A layer that should be in a disk's stack.</summary>
/// <param name="Name">Unique in the stack.</param>
/// <param name="Kind">What it does: <c>count</c>, <c>pass</c>, <c>trace</c>, <c>delay</c> or <c>fault</c>.</param>
/// <param name="Position">Counted from the image (0) upwards; -1 is the top.</param>
/// <param name="Settings">By kind; a duration is in milliseconds.</param>
public sealed record LayerSpecification(string Name, string Kind, int Position = -1, IReadOnlyDictionary<string, string>? Settings = null);

/// <summary>A layer as it is now.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind">What it does.</param>
/// <param name="Report">What the layer tells about itself, by name.</param>
public sealed record LayerStatus(string Name, string Kind, IReadOnlyDictionary<string, string> Report);

/// <summary>A disk that should be open and is not: the image is gone or damaged since. Attaching it again tries again.</summary>
public sealed record DiskFailure(DiskAttachment Attachment, ControlError Error);

/// <summary>How the plane is.</summary>
/// <param name="ProcessId">Of the plane.</param>
/// <param name="Disks">Open disks.</param>
/// <param name="Failures">Disks that could not be opened when the plane came back.</param>
/// <param name="LayerViolations">Times that a layer broke a rule since the plane started; anything but 0 is a defect.</param>
public sealed record StorageHealth(int ProcessId, int Disks, IReadOnlyList<DiskFailure> Failures, long LayerViolations);
