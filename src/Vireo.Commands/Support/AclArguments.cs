using Microsoft.HyperV.PowerShell;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>The rules that the parameters of the access rule commands name.</summary>
internal static class AclArguments
{
    /// <summary>A rule for each address; the parameters of exactly one side and kind are given.</summary>
    public static IReadOnlyList<AdapterAclConfiguration> Rules(
        VMNetworkAdapterAclAction action, VMNetworkAdapterAclDirection direction, string[]? localIPs, string[]? remoteIPs, string[]? localMacs, string[]? remoteMacs)
    {
        if (new[] { localIPs, remoteIPs, localMacs, remoteMacs }.Count(given => given is not null) != 1)
        {
            throw Errors.Invalid("An access rule names addresses of one side: give one of -LocalIPAddress, -RemoteIPAddress, -LocalMacAddress and -RemoteMacAddress.", null);
        }

        AdapterAclConfiguration Rule(string? local, string? remote) => new(action.ToString(), direction.ToString(), local, remote);
        return
        [
            .. (localIPs ?? []).Select(text => Rule(AdapterPolicyRules.Network(text), null)),
            .. (remoteIPs ?? []).Select(text => Rule(null, AdapterPolicyRules.Network(text))),
            .. (localMacs ?? []).Select(text => Rule(AdapterPolicyRules.Mac(text), null)),
            .. (remoteMacs ?? []).Select(text => Rule(null, AdapterPolicyRules.Mac(text))),
        ];
    }
}
