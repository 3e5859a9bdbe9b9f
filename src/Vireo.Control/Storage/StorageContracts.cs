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
/// <param name="TlsListen">
/// Address and port (<c>192.0.2.1:10809</c>) where the disk is served over NBD with TLS as well, whatever its front end is, or null. With port 0 the plane
/// chooses, see <see cref="DiskStatus.TlsAddress"/>. An open disk gets it, or loses it with everybody who is connected, when the same is asked with another value.
/// </param>
/// <param name="TlsCertificates">Folder with <c>ca-cert.pem</c>, <c>server-cert.pem</c> and <c>server-key.pem</c>; needed with <paramref name="TlsListen"/>. Clients need a certificate of the same authority.</param>
/// <param name="Direct">Whether data go past the page cache, where file system and format allow it.</param>
/// <param name="Standby">
/// Serve the disk without its image, which another host still writes to; null to have the image. The same attachment with null later puts the image
/// in place, under the running front end.
/// </param>
/// <param name="TlsPeer">A DNS name that a client's certificate must carry (subjectAltName), so that only this one peer is let in; null for all of the authority.</param>
/// <param name="IsDevice">The path is a block device, whose bytes are the disk whatever they look like; any other file is refused.</param>
public sealed record DiskAttachment(
    Guid Id, string Path, bool ReadOnly, FrontEndKind FrontEnd, string SocketPath, int Queues = 1, int? SocketGroup = null, bool EmulateSectors = false,
    string? TlsListen = null, string? TlsCertificates = null, bool Direct = false, DiskStandby? Standby = null, string? TlsPeer = null, bool IsDevice = false);

/// <summary>
/// What a disk promises that has no image yet: what <see cref="DiskStatus"/> says of it where it is open. Until the image is in place reads answer zeros,
/// and writes and trims end with an I/O error.
/// </summary>
/// <param name="SizeBytes">Capacity.</param>
/// <param name="LogicalSectorBytes">512 or 4096, as offered: 512 with <see cref="DiskAttachment.EmulateSectors"/>.</param>
/// <param name="PhysicalSectorBytes">512 or 4096.</param>
/// <param name="Trims">Whether a guest may trim: a guest that knows the disk with it must find it so.</param>
public sealed record DiskStandby(long SizeBytes, int LogicalSectorBytes = 512, int PhysicalSectorBytes = 4096, bool Trims = true);

/// <summary>An open disk as it is now.</summary>
/// <param name="Attachment">What was asked for, with the image that the disk stands on now.</param>
/// <param name="SizeBytes">Capacity.</param>
/// <param name="LogicalSectorBytes">As offered.</param>
/// <param name="PhysicalSectorBytes">As offered.</param>
/// <param name="Layers">From the image upwards.</param>
/// <param name="Connections">Clients connected now.</param>
/// <param name="BytesRead">Bytes of reads.</param>
/// <param name="BytesWritten">Bytes of writes.</param>
/// <param name="ReadOperations">Reads.</param>
/// <param name="WriteOperations">Writes.</param>
/// <param name="Trims">Whether a guest may trim.</param>
/// <param name="TlsAddress">Where it is served with TLS: address and the real port; null where it is not. A plane that is started again keeps the port if it is free.</param>
public sealed record DiskStatus(
    DiskAttachment Attachment, long SizeBytes, int LogicalSectorBytes, int PhysicalSectorBytes, IReadOnlyList<string> Layers, int Connections,
    long BytesRead, long BytesWritten, long ReadOperations, long WriteOperations, bool Trims = false, string? TlsAddress = null);

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

/// <summary>What metering reads of every open disk at once.</summary>
/// <param name="Disk">Its id.</param>
/// <param name="Generation">Another one when the counters began at zero again: the disk, or the plane, was opened anew.</param>
/// <param name="Path">The image that the disk stands on now.</param>
/// <param name="SizeBytes">Capacity.</param>
/// <param name="BytesRead">Bytes of reads.</param>
/// <param name="BytesWritten">Bytes of writes.</param>
/// <param name="Operations">Reads and writes.</param>
/// <param name="NormalizedOperations">The same in units of 8 KB, see <see cref="OperationFigures"/>.</param>
/// <param name="LatencyUs">Time that they took together, in microseconds.</param>
public sealed record DiskCounters(
    Guid Disk, Guid Generation, string Path, long SizeBytes, long BytesRead, long BytesWritten, long Operations, long NormalizedOperations, long LatencyUs);

/// <summary>Copies that are made of a disk while it is in use.</summary>
public enum CopyKind
{
    /// <summary>The whole disk onto another image, which takes over: storage migration.</summary>
    Mirror,

    /// <summary>What an image of the disk's chain holds into its parent, after which the image is removed.</summary>
    Merge,
}

/// <summary>Where such a copy is.</summary>
public enum CopyPhase
{
    /// <summary>It runs.</summary>
    Copying,

    /// <summary>Both sides are the same and stay so. A merge ends by itself from here.</summary>
    Ready,

    /// <summary>It took effect.</summary>
    Completed,

    /// <summary>Somebody ended it; the disk is as it was.</summary>
    Cancelled,

    /// <summary>It ended with an error; the disk is as it was.</summary>
    Failed,
}

/// <summary>A disk should move to another image. A target that is made for it is removed when the mirror does not take effect.</summary>
/// <param name="Target">Path of the image, or address of an NBD server (<c>nbd://</c>, <c>nbds://</c>, <c>nbd+unix://</c>).</param>
/// <param name="Create">Make the image; false when it exists. An NBD export always exists.</param>
/// <param name="Type">Of a new image: fixed or dynamic.</param>
/// <param name="BlockSizeBytes">Of a new VHDX; 0 for the default.</param>
/// <param name="BytesPerSecond">Limit of the copy; 0 is none. The guest's own writes are not limited.</param>
/// <param name="TargetIsZero">Whether an existing target is known to be zeros all over, so that zeros need not be written.</param>
/// <param name="KeepsChain">
/// Only what the disk's own image holds goes to an existing target, which is empty and stands on a copy of that image's parent. What an NBD export stands on cannot be seen: the
/// asker answers for it.
/// </param>
/// <param name="KeepsDiskId">The target gets the disk's identity, as the guest sees it, and what users keep with a VHDX. One that is made gets the latter anyway.</param>
public sealed record StartMirror(
    string Target, bool Create = true, ImageType Type = ImageType.Dynamic, int BlockSizeBytes = 0, long BytesPerSecond = 0, bool TargetIsZero = false,
    bool KeepsChain = false, bool KeepsDiskId = false);

/// <summary>An image of a disk's chain should go into its parent.</summary>
/// <param name="Path">The image that is merged and then removed: the disk's own, or one below it.</param>
/// <param name="BytesPerSecond">Limit of the copy; 0 is none.</param>
public sealed record StartMerge(string Path, long BytesPerSecond = 0);

/// <summary>How fast a copy may be.</summary>
/// <param name="BytesPerSecond">0 is no limit.</param>
public sealed record CopyRate(long BytesPerSecond);

/// <summary>A disk should go on in a new differencing image.</summary>
/// <param name="Path">The new image; what the disk holds now stays in the old one.</param>
/// <param name="BlockSizeBytes">Of a VHDX; 0 for the parent's.</param>
/// <param name="Checkpoints">Checkpoints that begin at the same moment, between the same two writes: what a backup reads from the old image is exactly what they begin with.</param>
public sealed record TakeSnapshot(string Path, int BlockSizeBytes = 0, IReadOnlyList<LayerCheckpoint>? Checkpoints = null);

/// <summary>A checkpoint of a layer of the kind <c>changes</c>.</summary>
/// <param name="Layer">Name of the layer.</param>
/// <param name="Name">Name of the checkpoint.</param>
public sealed record LayerCheckpoint(string Layer, string Name);

/// <summary>How a mirror that is ready ends. In each case the target holds everything, durably, as of one moment between two writes.</summary>
public enum MirrorEnd
{
    /// <summary>The target becomes the disk's image; the source is closed and stays as a file.</summary>
    Switch,

    /// <summary>The disk goes on in its source, and the target is left as it is: somebody else takes it over.</summary>
    Detach,

    /// <summary>The disk is closed at that moment, so that no later write reaches the source: another host goes on with the target.</summary>
    Close,
}

/// <summary>A mirror should end.</summary>
public sealed record CompleteMirror(MirrorEnd End = MirrorEnd.Switch);

/// <summary>A copy that is made of a disk, or the last one that was.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Path">Target of a mirror; the image that a merge removes.</param>
/// <param name="Phase">Where it is.</param>
/// <param name="DoneBytes">How far it has come in the disk.</param>
/// <param name="SizeBytes">Of the disk.</param>
/// <param name="CopiedBytes">Bytes that were read and written; fewer where the disk is sparse.</param>
/// <param name="BytesPerSecond">Limit; 0 is none.</param>
/// <param name="Failure">Why it failed, or null.</param>
/// <param name="IsTargetFull">It failed because the target has no room.</param>
public sealed record CopyStatus(
    CopyKind Kind, string Path, CopyPhase Phase, long DoneBytes, long SizeBytes, long CopiedBytes, long BytesPerSecond, string? Failure, bool IsTargetFull = false);

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
/// <param name="Path">The new file.</param>
/// <param name="Format">Its format.</param>
/// <param name="Type">Fixed, dynamic or differencing.</param>
/// <param name="SizeBytes">Capacity; 0 for the parent's.</param>
/// <param name="BlockSizeBytes">0 for the format's default, or the parent's.</param>
/// <param name="LogicalSectorBytes">512, 4096, or 0 for the default.</param>
/// <param name="PhysicalSectorBytes">512, 4096, or 0 for the default.</param>
/// <param name="ParentPath">Of a differencing image.</param>
/// <param name="Operation">With it the request may be repeated.</param>
/// <param name="DiskId">
/// The disk's identity (<see cref="ImageInfo.DiskId"/>), for an image that is to take the place of another; null for a new one, or the parent's for a
/// differencing VHDX. A raw image has none.
/// </param>
public sealed record CreateImage(
    string Path, ImageFormat Format, ImageType Type, long SizeBytes, int BlockSizeBytes = 0, int LogicalSectorBytes = 0, int PhysicalSectorBytes = 0,
    string? ParentPath = null, Guid? Operation = null, Guid? DiskId = null);

/// <summary>What an image says of itself.</summary>
public sealed record ImageInfo(
    string Path, ImageFormat Format, ImageType Type, long SizeBytes, long FileSizeBytes, int BlockSizeBytes, int LogicalSectorBytes,
    int PhysicalSectorBytes, Guid DiskId, string? ParentPath, Guid? ParentDiskId, double? FragmentationPercent, long? MinimumSizeBytes, int AlignmentBytes, bool InUse);

/// <summary>What is done to a closed image.</summary>
public enum ImageOperation
{
    /// <summary>Makes <see cref="ImageWork.Target"/> with the content of the image, which stays.</summary>
    Convert,

    /// <summary>Merges the image into its parent <see cref="ImageWork.OtherPath"/> (null: the nearest) and removes it.</summary>
    Merge,

    /// <summary>Sets the size of the disk to <see cref="ImageWork.SizeBytes"/>; 0 is the smallest without loss.</summary>
    Resize,

    /// <summary>Makes the file smaller, as <see cref="ImageWork.Mode"/> says.</summary>
    Compact,

    /// <summary>Makes <see cref="ImageWork.OtherPath"/> the image's parent.</summary>
    SetParent,

    /// <summary>Sets the physical sector size to <see cref="ImageWork.SizeBytes"/>.</summary>
    SetPhysicalSectorSize,

    /// <summary>Gives the disk a new identity.</summary>
    ResetDiskId,

    /// <summary>Looks at every structure of the image and its parents; changes nothing.</summary>
    Test,

    /// <summary>Copies the file as it is to <see cref="ImageWork.OtherPath"/>, complete or not at all; a copy of a differencing image keeps its parent.</summary>
    Copy,
}

/// <summary>How thorough a compaction is.</summary>
public enum ImageCompactMode
{
    /// <summary>Looks for zeros, drops trimmed blocks, moves the others together.</summary>
    Full,

    /// <summary>As Full without looking for zeros.</summary>
    Quick,

    /// <summary>Only gives the storage of trimmed ranges back.</summary>
    Retrim,

    /// <summary>Only moves blocks together.</summary>
    Pretrimmed,

    /// <summary>As Quick, and looks for zeros.</summary>
    Prezeroed,
}

/// <summary>Work on an image that nobody has open. It ends with its request: a client that goes away cancels it.</summary>
/// <param name="Operation">What to do.</param>
/// <param name="Path">The image.</param>
/// <param name="Target">For Convert: the image to make. A size of 0 is the source's.</param>
/// <param name="OtherPath">For Merge and SetParent: the parent. For Copy: the new file.</param>
/// <param name="SizeBytes">For Resize and SetPhysicalSectorSize.</param>
/// <param name="Mode">For Compact.</param>
/// <param name="IgnoreIdMismatch">For SetParent: takes a parent that is not the image the child was made from.</param>
/// <param name="LeafPath">For SetParent of an image that is in use: the open disk whose chain it is part of; null when nobody has it open.</param>
public sealed record ImageWork(
    ImageOperation Operation, string Path, CreateImage? Target = null, string? OtherPath = null, long SizeBytes = 0, ImageCompactMode Mode = ImageCompactMode.Full,
    bool IgnoreIdMismatch = false, string? LeafPath = null);

/// <summary>How far the work has come.</summary>
public sealed record ImageProgress(long DoneBytes, long TotalBytes);

/// <summary>What came of the work.</summary>
/// <param name="Path">The image that now holds the result.</param>
/// <param name="CopyMethod">How data were copied: <c>None</c>, <c>Reflink</c>, <c>CopyFileRange</c>, <c>ServerSide</c> or <c>ReadWrite</c>; null when the work copies nothing.</param>
/// <param name="CopiedBytes">Bytes of data that were copied.</param>
public sealed record ImageWorkResult(string Path, string? CopyMethod = null, long CopiedBytes = 0);

/// <summary>One line of the answer to <see cref="ImageWork"/>: any number of progress lines, then a result or an error.</summary>
public sealed record ImageWorkRecord(ImageProgress? Progress = null, ImageWorkResult? Result = null, ControlError? Error = null);

/// <summary>A beginning of paths as images made elsewhere write them, and the folder that stands for it here.</summary>
/// <param name="Prefix">For example <c>D:\VMs</c> or <c>\\server\share</c>; compared without regard to case.</param>
/// <param name="Folder">For example <c>/srv/vms</c>.</param>
public sealed record ParentFolder(string Prefix, string Folder);

/// <summary>Where the parents of differencing images are, when they are not where the images say. The longest prefix that fits counts.</summary>
public sealed record ParentFolders(IReadOnlyList<ParentFolder> Folders);

/// <summary>A path on the plane's file systems.</summary>
public sealed record ImagePath(string Path);

/// <summary>A layer that should be in a disk's stack.</summary>
/// <param name="Name">Unique in the stack.</param>
/// <param name="Kind">What it does: a kind of the table in <c>src/Vireo.Storage/README.md</c>, such as <c>throttle</c>.</param>
/// <param name="Position">Counted from the image (0) upwards; -1 is the top.</param>
/// <param name="Settings">By kind; a duration is in milliseconds.</param>
public sealed record LayerSpecification(string Name, string Kind, int Position = -1, IReadOnlyDictionary<string, string>? Settings = null);

/// <summary>A moment from which on a layer of the kind <c>changes</c> remembers what was written.</summary>
/// <param name="Name">Unique in the layer; over NBD the context <c>qemu:dirty-bitmap:NAME</c>.</param>
public sealed record ChangeCheckpoint(string Name);

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

/// <summary>
/// A disk whose guest waits, because what is below it is full or broken: requests over vhost-user that fail are tried again until they do not. (Behind NBD the client
/// gets the error and decides.)
/// </summary>
/// <param name="Id">Of the attachment.</param>
/// <param name="Path">Its image.</param>
/// <param name="IsFull">There is no room; false for other failures.</param>
public sealed record StalledDisk(Guid Id, string Path, bool IsFull);

/// <summary>All disks whose guests wait.</summary>
/// <param name="Generation">Another number whenever the list has changed.</param>
/// <param name="Disks">The disks.</param>
public sealed record StalledDisks(long Generation, IReadOnlyList<StalledDisk> Disks);
