using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Hosts;

/// <summary>Gets the versions of machine configurations that the host runs.</summary>
[Command("Get", "VMHostSupportedVersion", DefaultParameterSetName = "ComputerName")]
[OutputType(typeof(VMHostSupportedVersion))]
[CommandError("ConnectionError", ErrorCategory.ConnectionError, "the host cannot be reached")]
[Example("Get-VMHostSupportedVersion -Default", "Shows the version that new machines get.")]
public sealed class GetVMHostSupportedVersion : Command
{
    /// <summary>Only the version that new machines get.</summary>
    [Parameter]
    public Switch Default { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "ComputerName", Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        // There has been one version so far, so it is the default as well.
        context.WriteObject(new VMHostSupportedVersion
        {
            ComputerName = context.Service<IHostSettings>().Facts.Name,
            Name = $"Vireo {ModelMapper.MachineVersion}",
            Version = ModelMapper.MachineVersion,
            IsDefault = true,
        });
        return Task.CompletedTask;
    }
}
