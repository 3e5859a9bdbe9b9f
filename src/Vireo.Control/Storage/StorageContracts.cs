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
/// <param name="EmulateSectors">Whether an image with sectors of 4096 bytes is offered with sectors of 512.</param>
public sealed record DiskAttachment(
    Guid Id, string Path, bool ReadOnly, FrontEndKind FrontEnd, string SocketPath, int Queues = 1, int? SocketGroup = null, bool EmulateSectors = false);

/// <summary>An open disk as it is now.</summary>
public sealed record DiskStatus(
    DiskAttachment Attachment, long SizeBytes, int LogicalSectorBytes, int PhysicalSectorBytes, IReadOnlyList<string> Layers, int Connections,
    long BytesRead, long BytesWritten, long ReadOperations, long WriteOperations);

/// <summary>What a disk did of one kind since it was opened.</summary>
/// <param name="Operations">Requests that succeeded.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="NormalizedOperations">Requests in units of 8 KB: a longer one counts once for each 8 KB that it begins.</param>
/// <param name="LatencyUs">Time that they took together, in microseconds.</param>
/// <param name="Latency50Us">Half of them took no longer, in microseconds; percentiles are at most a sixteenth too high.</param>
/// <param name="Latency95Us">95 of 100.</param>
/// <param name="Latency99Us">99 of 100.</param>
/// <param name="Latency999Us">999 of 1000.</param>
/// <param name="LatencyMaximumUs">All of them.</param>
public sealed record OperationFigures(
    long Operations, long Bytes, long NormalizedOperations, long LatencyUs, long Latency50Us, long Latency95Us, long Latency99Us, long Latency999Us, long LatencyMaximumUs);

/// <summary>What a disk did since it was opened: what metering and quality of service show.</summary>
/// <param name="Disk">Its id.</param>
/// <param name="Reads">Reads.</param>
/// <param name="Writes">Writes.</param>
/// <param name="Flushes">Flushes.</param>
/// <param name="Discards">Trims and writes of zeroes.</param>
/// <param name="Failures">Requests of any kind that failed.</param>
public sealed record DiskMeter(Guid Disk, OperationFigures Reads, OperationFigures Writes, OperationFigures Flushes, OperationFigures Discards, long Failures);

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

/// <summary>An image to make. It exists complete, or not at all; one whose asker goes away before it is there is not kept.</summary>
public sealed record CreateImage(
    string Path, ImageFormat Format, ImageType Type, long SizeBytes, int BlockSizeBytes = 0, int LogicalSectorBytes = 0, int PhysicalSectorBytes = 0,
    string? ParentPath = null, Guid? Operation = null);

/// <summary>What an image says of itself.</summary>
public sealed record ImageInfo(
    string Path, ImageFormat Format, ImageType Type, long SizeBytes, long FileSizeBytes, int BlockSizeBytes, int LogicalSectorBytes,
    int PhysicalSectorBytes, Guid DiskId, string? ParentPath, Guid? ParentDiskId, double? FragmentationPercent, long? MinimumSizeBytes, int AlignmentBytes, bool InUse);

/// <summary>A path on the plane's file systems.</summary>
public sealed record ImagePath(string Path);

/// <summary>A layer that should be in a disk's stack.</summary>
/// <param name="Name">Unique in the stack.</param>
/// <param name="Kind">What it does: a kind of the table in <c>src/Vireo.Storage/README.md</c>, such as <c>throttle</c>.</param>
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
