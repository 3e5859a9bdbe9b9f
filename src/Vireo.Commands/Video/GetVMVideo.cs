using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Video;

/// <summary>Gets the screens of virtual machines.</summary>
[Command("Get", "VMVideo", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMVideo))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMVideo web1", "Shows the resolution of web1's screen.")]
public sealed class GetVMVideo : GetPartCommand
{
    private protected override IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context) =>
        [VideoMapper.Video(machine, Host(context))];
}
