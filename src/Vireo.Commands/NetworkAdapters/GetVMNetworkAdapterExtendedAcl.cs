using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Gets the extended access rules of network adapters.</summary>
[Command("Get", "VMNetworkAdapterExtendedAcl", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMNetworkAdapterExtendedAclSetting))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or there is no such adapter")]
[Example("Get-VMNetworkAdapterExtendedAcl web1", "Shows the rules of web1.")]
public sealed class GetVMNetworkAdapterExtendedAcl : GetAdapterPolicyCommand
{
    private protected override ValueTask<IEnumerable<object>> ShowAsync(AdapterTarget target, string host, CommandContext context) =>
        new(target.Policy.ExtendedAcls.OrderByDescending(rule => rule.Weight).Select(rule => AdapterPolicyMapper.ExtendedAcl(target, rule, host)));
}
