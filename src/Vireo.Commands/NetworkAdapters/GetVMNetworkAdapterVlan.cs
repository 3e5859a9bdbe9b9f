using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Gets how network adapters treat VLANs.</summary>
[Command("Get", "VMNetworkAdapterVlan", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMNetworkAdapterVlanSetting))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or there is no such adapter")]
[Example("Get-VMNetworkAdapterVlan web*", "Shows the VLANs of every adapter of the machines whose names begin with web.")]
public sealed class GetVMNetworkAdapterVlan : GetAdapterPolicyCommand
{
    private protected override ValueTask<IEnumerable<object>> ShowAsync(AdapterTarget target, string host, CommandContext context) => new([AdapterPolicyMapper.Vlan(target, host)]);
}
