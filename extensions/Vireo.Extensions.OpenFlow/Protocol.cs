namespace Vireo.Extensions.OpenFlow;

/// <summary>Types of messages (OpenFlow 1.3.5, 7.1.1, <c>ofp_type</c>).</summary>
internal enum MessageType : byte
{
    Hello = 0,
    Error = 1,
    EchoRequest = 2,
    EchoReply = 3,
    Experimenter = 4,
    FeaturesRequest = 5,
    FeaturesReply = 6,
    GetConfigRequest = 7,
    GetConfigReply = 8,
    SetConfig = 9,
    PacketIn = 10,
    FlowRemoved = 11,
    PortStatus = 12,
    PacketOut = 13,
    FlowMod = 14,
    MultipartRequest = 18,
    MultipartReply = 19,
    BarrierRequest = 20,
    BarrierReply = 21,
    RoleRequest = 24,
    RoleReply = 25,
}

/// <summary>Types of multipart messages (7.3.5, <c>ofp_multipart_type</c>).</summary>
internal enum MultipartType : ushort
{
    Description = 0,
    Flow = 1,
    Aggregate = 2,
    Table = 3,
    PortStatistics = 4,
    TableFeatures = 12,
    PortDescription = 13,
}

/// <summary>Ports with a meaning of their own (7.2.1, <c>ofp_port_no</c>).</summary>
internal static class ReservedPort
{
    public const uint Max = 0xFFFF_FF00;
    public const uint InPort = 0xFFFF_FFF8;
    public const uint Table = 0xFFFF_FFF9;
    public const uint Normal = 0xFFFF_FFFA;
    public const uint Flood = 0xFFFF_FFFB;
    public const uint All = 0xFFFF_FFFC;
    public const uint Controller = 0xFFFF_FFFD;
    public const uint Any = 0xFFFF_FFFF;
}

/// <summary>What is wrong with a message: type and code (7.4.4).</summary>
/// <param name="Type"><c>ofp_error_type</c>.</param>
/// <param name="Code">Code of that type.</param>
internal readonly record struct ProtocolError(ushort Type, ushort Code)
{
    public static readonly ProtocolError None = new(ushort.MaxValue, 0);
    public static readonly ProtocolError Incompatible = new(0, 0);
    public static readonly ProtocolError BadVersion = new(1, 0);
    public static readonly ProtocolError BadType = new(1, 1);
    public static readonly ProtocolError BadMultipart = new(1, 2);
    public static readonly ProtocolError BadLength = new(1, 6);
    public static readonly ProtocolError BufferUnknown = new(1, 8);
    public static readonly ProtocolError BadActionType = new(2, 0);
    public static readonly ProtocolError BadActionLength = new(2, 1);
    public static readonly ProtocolError BadOutPort = new(2, 4);
    public static readonly ProtocolError BadActionArgument = new(2, 5);
    public static readonly ProtocolError TooManyActions = new(2, 7);
    public static readonly ProtocolError UnsupportedOrder = new(2, 11);
    public static readonly ProtocolError BadSetType = new(2, 13);
    public static readonly ProtocolError BadSetLength = new(2, 14);
    public static readonly ProtocolError BadSetArgument = new(2, 15);
    public static readonly ProtocolError UnknownInstruction = new(3, 0);
    public static readonly ProtocolError UnsupportedInstruction = new(3, 1);
    public static readonly ProtocolError BadInstructionTable = new(3, 2);
    public static readonly ProtocolError BadInstructionLength = new(3, 7);
    public static readonly ProtocolError BadMatchType = new(4, 0);
    public static readonly ProtocolError BadMatchLength = new(4, 1);
    public static readonly ProtocolError BadField = new(4, 6);
    public static readonly ProtocolError BadValue = new(4, 7);
    public static readonly ProtocolError BadMask = new(4, 8);
    public static readonly ProtocolError BadPrerequisite = new(4, 9);
    public static readonly ProtocolError DuplicateField = new(4, 10);
    public static readonly ProtocolError TableFull = new(5, 1);
    public static readonly ProtocolError BadTable = new(5, 2);
    public static readonly ProtocolError Overlap = new(5, 3);
    public static readonly ProtocolError BadCommand = new(5, 6);
    public static readonly ProtocolError BadFlags = new(5, 7);
}
