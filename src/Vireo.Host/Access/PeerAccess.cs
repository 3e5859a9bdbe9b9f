using System.Buffers.Binary;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Access;

/// <summary>Who is at the other end of a connection, as the kernel says.</summary>
/// <param name="ProcessId">Process.</param>
/// <param name="UserId">User.</param>
/// <param name="GroupIds">Group, and supplementary groups.</param>
internal sealed record Peer(int ProcessId, uint UserId, IReadOnlyList<uint> GroupIds)
{
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int PeerCredentials = 17; // SO_PEERCRED
    private const int PeerGroups = 59; // SO_PEERGROUPS
    private const int CredentialBytes = 12;
    private const int MaximumGroups = 1_024;

    /// <summary>Who is at the other end of a Unix socket; null when the kernel does not say.</summary>
    public static Peer? Of(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[CredentialBytes];
        if (socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials) != CredentialBytes)
        {
            return null;
        }

        var groups = new List<uint> { BinaryPrimitives.ReadUInt32LittleEndian(credentials[8..]) };
        Span<byte> supplementary = stackalloc byte[MaximumGroups * sizeof(uint)];
        var length = socket.GetRawSocketOption(SocketLevel, PeerGroups, supplementary);
        for (var at = 0; at + sizeof(uint) <= length; at += sizeof(uint))
        {
            groups.Add(BinaryPrimitives.ReadUInt32LittleEndian(supplementary[at..]));
        }

        return new Peer(BinaryPrimitives.ReadInt32LittleEndian(credentials), BinaryPrimitives.ReadUInt32LittleEndian(credentials[4..]), groups);
    }
}

/// <summary>
/// Lets in root, the user the host runs as, and members of the group <c>vireo-admins</c>; and to the consoles of machines those users who were let in there.
/// The kernel names the peer of a Unix socket; nothing the peer says is
/// believed.
/// </summary>
/// <param name="accounts">Names and numbers of users and groups.</param>
internal sealed class PeerAccess(Accounts accounts)
{
    /// <summary>The group whose members may do everything.</summary>
    public const string AdministratorsGroup = "vireo-admins";

    private const string Consoles = "/api/consoles";

    /// <summary>Refuses whoever may not come in.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var peer = PeerOf(context);
        if (peer is null || !(IsAllowed(peer) || context.Request.Path.StartsWithSegments(Consoles, StringComparison.Ordinal)))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            context.Response.ContentType = "text/plain";
            await context.Response.WriteAsync($"Only root and members of the group '{AdministratorsGroup}' may manage this host; add the user to the group and log in again.\n");
            return;
        }

        context.Items[typeof(Peer)] = peer;
        await next(context);
    }

    /// <summary>Name of the caller, for the audit.</summary>
    public string CallerOf(HttpContext context) =>
        context.Items[typeof(Peer)] is Peer peer ? accounts.UserName(peer.UserId) ?? $"uid {peer.UserId}" : "unknown";

    /// <summary>Whether the caller may connect to the consoles of a machine.</summary>
    public bool MayConnect(HttpContext context, VirtualMachineConfiguration machine) =>
        context.Items[typeof(Peer)] is Peer peer && (IsAllowed(peer) || (accounts.UserName(peer.UserId) is { } name && machine.ConsoleUsers.Contains(name, StringComparer.Ordinal)));

    private bool IsAllowed(Peer peer) =>
        peer.UserId == 0 || peer.UserId == accounts.OwnUserId || (accounts.GroupId(AdministratorsGroup) is { } administrators && peer.GroupIds.Contains(administrators));

    private static Peer? PeerOf(HttpContext context) =>
        context.Features.Get<IConnectionSocketFeature>()?.Socket is { AddressFamily: AddressFamily.Unix } socket ? Peer.Of(socket) : null;
}
