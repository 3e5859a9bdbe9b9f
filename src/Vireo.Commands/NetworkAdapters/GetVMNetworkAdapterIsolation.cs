using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Gets how network adapters are kept apart from others.</summary>
[Command("Get", "VMNetworkAdapterIsolation", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMNetworkAdapterIsolationSetting))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or there is no such adapter")]
[Example("Get-VMNetworkAdapterIsolation web*", "Shows the isolation of every adapter of the machines whose names begin with web.")]
public sealed class GetVMNetworkAdapterIsolation : GetAdapterPolicyCommand
{
    private protected override ValueTask<IEnumerable<object>> ShowAsync(AdapterTarget target, string host, CommandContext context) => new([AdapterPolicyMapper.Isolation(target, host)]);
}
