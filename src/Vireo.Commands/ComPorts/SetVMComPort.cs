using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.ComPorts;

/// <summary>Chooses the Unix socket that a serial port of virtual machines is served on.</summary>
[Command("Set", "VMComPort", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMComPort))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the path cannot be a socket")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Set-VMComPort web1 -Number 2 -Path /run/web1-com2.sock", "Serves COM 2 of web1 on a socket of that name.")]
public sealed class SetVMComPort : ChangePartCommand
{
    private const int LongestSocketPath = 107;

    /// <summary>Serial ports, as Get-VMComPort writes them.</summary>
    [Parameter(ParameterSetName = "VMComPort", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMComPort[]? VMComPort { get; set; }

    /// <summary>1 or 2.</summary>
    [Parameter(ParameterSetName = "VMName", Mandatory = true)]
    [Parameter(ParameterSetName = "VMObject", Mandatory = true)]
    [ValidateRange(1, 2)]
    public int? Number { get; set; }

    /// <summary>Unix socket; empty gives the port its own run-time socket again.</summary>
    [Parameter(Position = 2)]
    [FilePath]
    public string? Path { get; set; }

    /// <summary>Write the port to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (Path is { Length: > LongestSocketPath })
        {
            throw Errors.Invalid($"The path of a Unix socket has at most {LongestSocketPath} bytes; '{Path}' is longer.", Path);
        }

        if (VMComPort is null)
        {
            return ChangeAsync(context, Machines(context), [Number!.Value]);
        }

        return Task.WhenAll(VMComPort.GroupBy(port => port.VMId)
            .Select(ports => ChangeAsync(context, Owners(context, ports), [.. ports.Select(port => port.Number)])));
    }

    private Task ChangeAsync(CommandContext context, List<VirtualMachineConfiguration> machines, int[] numbers) => ChangeEachAsync(
        context,
        machines,
        "Set-VMComPort",
        (c, status) =>
        {
            RequireOff(c, status, "its serial ports");
            var ports = c.ComPorts.ToArray();
            foreach (var number in numbers)
            {
                ports[number - 1] = string.IsNullOrEmpty(Path) ? null : Path;
            }

            return c with { ComPorts = ports };
        },
        Passthru ? c => Array.ForEach(numbers, number => context.WriteObject(ModelMapper.ComPort(c, number, context.Service<IHostSettings>().Facts.Name))) : null);
}
