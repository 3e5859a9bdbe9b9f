using System.Runtime.InteropServices;

namespace Vireo.Vhost.Protocol;

/// <summary>Header of every message (vhost-user "Message Specification"): request, flags and size of the payload, in host byte order.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public readonly record struct MessageHeader(VhostUserRequest Request, uint Flags, uint PayloadBytes)
{
    /// <summary>Length in bytes.</summary>
    public const int LengthBytes = 12;

    /// <summary>No payload that we know is longer: 8 memory regions take 264, a configuration space 268.</summary>
    public const int PayloadBytesMax = 1024;

    private const uint VersionMask = 3;
    private const uint Version = 1;
    private const uint Reply = 4;
    private const uint NeedReply = 8;

    /// <summary>Whether the version is ours, the payload can be held, and this is a request.</summary>
    public bool IsAcceptable => (Flags & VersionMask) == Version && (Flags & Reply) == 0 && PayloadBytes <= PayloadBytesMax;

    /// <summary>The sender waits for an acknowledgement (if that was negotiated).</summary>
    public bool NeedsReply => (Flags & NeedReply) != 0;

    /// <summary>Header of a reply.</summary>
    public static MessageHeader ReplyTo(VhostUserRequest request, int payloadBytes) => new(request, Version | Reply, (uint)payloadBytes);

    /// <summary>Header of a request of our own that wants no answer.</summary>
    public static MessageHeader Of(uint request, int payloadBytes) => new((VhostUserRequest)request, Version, (uint)payloadBytes);
}
