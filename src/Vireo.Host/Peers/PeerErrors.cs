using Vireo.Commands.Framework;

namespace Vireo.Host.Peers;

/// <summary>The errors of talking to another host.</summary>
internal static class PeerErrors
{
    /// <summary>This host trusts nobody yet.</summary>
    public static CommandException NoTrust() => new(
        "PeerNotTrusted", ErrorCategory.NotEnabled, "This host trusts no other host yet. 'vireo trust invite' on one of them, and 'vireo trust join' on the other, let them trust each other.");

    /// <summary>Nobody of that name.</summary>
    public static CommandException Unknown(string name) => new(
        "PeerNotFound", ErrorCategory.ObjectNotFound, $"There is no trusted host '{name}'; 'vireo trust list' shows those that there are, and 'vireo trust invite' lets another one in.", name);

    /// <summary>Several of that name.</summary>
    public static CommandException Ambiguous(string name, IEnumerable<string> addresses) => new(
        "PeerNotFound", ErrorCategory.InvalidArgument, $"Several trusted hosts are named '{name}'; say which one by its address: {string.Join(", ", addresses)}.", name);

    /// <summary>It does not answer.</summary>
    public static CommandException Unreachable(string name, string reasons, Exception? inner) => new(
        "PeerUnreachable", ErrorCategory.ConnectionError,
        $"The host '{name}' does not answer ({reasons}). It listens once 'Enable-VMMigration' was done there, in the networks that 'Get-VMMigrationNetwork' shows there; a firewall must let its port through.",
        name, inner);

    /// <summary>Who answers is not believed here.</summary>
    public static CommandException NotTrusted(string name, string where, string reason) => new(
        "PeerNotTrusted", ErrorCategory.AuthenticationError, $"What answers at {where} is not believed to be the host '{name}': {reason}.", name);

    /// <summary>It does not believe us.</summary>
    public static CommandException Refused(string name, string where, Exception? inner) => new(
        "PeerRefused", ErrorCategory.AuthenticationError,
        $"The host '{name}' ({where}) ended the connection when it saw the certificate of this host. It believes another authority, or this host no longer: 'vireo events' there says which. 'vireo trust invite' there and 'vireo trust join' here let them trust each other again.",
        name, inner);

    /// <summary>The two have no version in common.</summary>
    public static CommandException VersionMismatch(string here, IReadOnlyList<int> versionsHere, string softwareHere, string there, string versionsThere) => new(
        "PeerVersionMismatch", ErrorCategory.ProtocolError,
        $"The hosts have no version of their protocol in common: '{here}' (Vireo {softwareHere}) speaks {PeerProtocol.Describe(versionsHere)}, '{there}' speaks {versionsThere}. Update the older one.",
        there);

    /// <summary>The link broke.</summary>
    public static CommandException Lost(string name, string reason, Exception? inner) => new(
        "PeerConnectionLost", ErrorCategory.ConnectionError, $"The connection to the host '{name}' broke: {reason}.", name, inner);
}
