namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>Numbers of the Network Block Device protocol (NetworkBlockDevice/nbd, doc/proto.md).</summary>
internal static class NbdProtocol
{
    /// <summary>"NBDMAGIC": first bytes of a server.</summary>
    public const ulong ServerMagic = 0x4e42444d41474943;

    /// <summary>"IHAVEOPT": newstyle, and before each option.</summary>
    public const ulong OptionMagic = 0x49484156454F5054;

    /// <summary>Before each reply to an option.</summary>
    public const ulong OptionReplyMagic = 0x3e889045565a9;

    /// <summary>Before each request.</summary>
    public const uint RequestMagic = 0x25609513;

    /// <summary>Before a simple reply.</summary>
    public const uint SimpleReplyMagic = 0x67446698;

    /// <summary>Before a chunk of a structured reply.</summary>
    public const uint StructuredReplyMagic = 0x668e33ef;

    /// <summary>Handshake flag of both sides: options may be refused one by one.</summary>
    public const ushort FixedNewstyle = 1;

    /// <summary>Handshake flag of both sides: no padding after NBD_OPT_EXPORT_NAME.</summary>
    public const ushort NoZeroes = 2;

    /// <summary>Longest payload of a read or write.</summary>
    public const int MaximumPayloadBytes = 32 << 20;

    /// <summary>Longest option; the longest sensible one holds a name of 4096 bytes and a few queries.</summary>
    public const int MaximumOptionBytes = 64 << 10;
}

/// <summary>NBD_OPT_*.</summary>
internal enum NbdOption : uint
{
    ExportName = 1,
    Abort = 2,
    List = 3,
    StartTls = 5,
    Info = 6,
    Go = 7,
    StructuredReply = 8,
    ListMetaContext = 9,
    SetMetaContext = 10,
}

/// <summary>NBD_REP_*; errors have the highest bit set.</summary>
internal enum NbdOptionReply : uint
{
    Ack = 1,
    Server = 2,
    Info = 3,
    MetaContext = 4,
    Unsupported = 0x80000001,
    Invalid = 0x80000003,
    TlsRequired = 0x80000005,
    Unknown = 0x80000006,
    TooBig = 0x80000009,
}

/// <summary>NBD_INFO_*.</summary>
internal enum NbdInfo : ushort
{
    Export = 0,
    Name = 1,
    BlockSize = 3,
}

/// <summary>NBD_FLAG_* of an export.</summary>
[Flags]
internal enum NbdExportFlags : ushort
{
    None = 0,
    HasFlags = 1,
    ReadOnly = 2,
    Flush = 4,
    ForceUnitAccess = 8,
    Trim = 32,
    WriteZeroes = 64,
    DoNotFragment = 128,
    MultipleConnections = 256,
}

/// <summary>NBD_CMD_*.</summary>
internal enum NbdCommand : ushort
{
    Read = 0,
    Write = 1,
    Disconnect = 2,
    Flush = 3,
    Trim = 4,
    Cache = 5,
    WriteZeroes = 6,
    BlockStatus = 7,
    Resize = 8,
}

/// <summary>NBD_CMD_FLAG_*.</summary>
[Flags]
internal enum NbdCommandFlags : ushort
{
    None = 0,
    ForceUnitAccess = 1,
    NoHole = 2,
    DoNotFragment = 4,
    RequestOne = 8,

    /// <summary>What a client may set; others change what a command means and are refused.</summary>
    Known = ForceUnitAccess | NoHole | DoNotFragment | RequestOne,
}

/// <summary>NBD_REPLY_TYPE_*.</summary>
internal enum NbdChunk : ushort
{
    None = 0,
    OffsetData = 1,
    OffsetHole = 2,
    BlockStatus = 5,
    Error = 0x8001,
}

/// <summary>Error numbers of the protocol, which are those of Linux.</summary>
internal enum NbdError : uint
{
    None = 0,
    NotPermitted = 1,
    InputOutput = 5,
    Invalid = 22,
    NoSpace = 28,
    NotSupported = 95,
    ShuttingDown = 108,
}
