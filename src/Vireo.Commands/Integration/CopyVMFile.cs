using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Integration;

/// <summary>
/// Copies a file between the host and the guests of running virtual machines, through the guest's agent. The guest service interface must be
/// switched on. The file appears under its name when it is complete.
/// </summary>
[Command("Copy", "VMFile", DefaultParameterSetName = "Name", SupportsShouldProcess = true, SupportsAsJob = true)]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or the path is not absolute")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine does not run, the service is switched off, or the guest refuses")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "the source cannot be read")]
[Example("Copy-VMFile web1 -SourcePath /root/site.tar -DestinationPath /srv/site.tar -CreateFullPath -FileSource Host", "Copies a file into the guest of web1.")]
[Example("Copy-VMFile web1 -SourcePath /var/log/messages -DestinationPath /root/messages -FileSource Guest", "Copies a file out of the guest of web1.")]
public sealed class CopyVMFile : MachineCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "Name", Position = 0, Mandatory = true)]
    [Alias("VMName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>The file: an absolute path on the host, or in the guest.</summary>
    [Parameter(Position = 1, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string SourcePath { get; set; } = "";

    /// <summary>Where it goes: an absolute path of the file on the other side.</summary>
    [Parameter(Position = 2, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string DestinationPath { get; set; } = "";

    /// <summary>Where the file is: on the host, or in the guest.</summary>
    [Parameter(Mandatory = true)]
    public CopyFileSourceType? FileSource { get; set; }

    /// <summary>Make the folders that are missing.</summary>
    [Parameter]
    public Switch CreateFullPath { get; set; }

    /// <summary>Replace a file that is there.</summary>
    [Parameter]
    public Switch Force { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "Name")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var (host, guest) = FileSource == CopyFileSourceType.Host ? (SourcePath, DestinationPath) : (DestinationPath, SourcePath);
        if (!System.IO.Path.IsPathFullyQualified(host))
        {
            throw Errors.Invalid($"The path '{host}' on the host must be absolute.", host);
        }

        if (guest.EndsWith('/') || guest.EndsWith('\\'))
        {
            throw Errors.Invalid($"The path '{guest}' in the guest must name the file, not a folder.", guest);
        }

        var files = context.Service<IGuestFiles>();
        return ForEachAsync(context, Resolve(context, Name, VM), "Copy-VMFile", machine =>
        {
            void Progress(string status, int percent) => context.WriteProgress($"Copying '{SourcePath}' ({machine.Name})", status, percent);
            return FileSource == CopyFileSourceType.Host
                ? files.CopyToGuestAsync(machine.Id, SourcePath, DestinationPath, CreateFullPath, Force, Progress, context.Cancellation)
                : files.CopyFromGuestAsync(machine.Id, SourcePath, DestinationPath, CreateFullPath, Force, Progress, context.Cancellation);
        });
    }
}
