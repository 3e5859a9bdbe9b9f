using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Gets the access rules and meters of network adapters, with what they have counted.</summary>
[Command("Get", "VMNetworkAdapterAcl", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMNetworkAdapterAclSetting))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or there is no such adapter")]
[Example("Get-VMNetworkAdapterAcl web1", "Shows the rules of web1, the bytes its meters have counted and the frames its rules have dropped.")]
public sealed class GetVMNetworkAdapterAcl : GetAdapterPolicyCommand
{
    private protected override async ValueTask<IEnumerable<object>> ShowAsync(AdapterTarget target, string host, CommandContext context)
    {
        var counts = target.Policy.Acls.Count == 0 || target.IsPast ? [] : await context.Service<ISwitches>().AclCountsAsync(target.Id, context.Cancellation);
        return target.Policy.Acls.Select(rule => AdapterPolicyMapper.Acl(target, rule, counts, host));
    }
}
