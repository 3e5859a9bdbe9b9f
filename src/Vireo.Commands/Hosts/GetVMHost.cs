using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Hosts;

/// <summary>Gets a host: what it has, and its settings.</summary>
[Command("Get", "VMHost", DefaultParameterSetName = "ComputerName")]
[OutputType(typeof(VMHost))]
[CommandError("ConnectionError", ErrorCategory.ConnectionError, "the host cannot be reached")]
[Example("Get-VMHost", "Shows this host.")]
public sealed class GetVMHost : Command
{
    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "ComputerName", Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        context.WriteObject(HostMapper.Host(context.Service<IHostSettings>()));
        return Task.CompletedTask;
    }
}
