using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Transfers;

/// <summary>
/// Says what hinders a virtual machine from being imported, or moved to another host. The machine in the report of an import is a plan: commands that change
/// virtual machines change it, and <c>Compare-VM -CompatibilityReport</c> looks again.
/// </summary>
[Command("Compare", "VM", DefaultParameterSetName = "Register", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VMCompatibilityReport))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the path does not exist, or the report's plan is gone")]
[CommandError("MigrationNotEnabled", ErrorCategory.NotEnabled, "moves to other hosts are not enabled on this host")]
[CommandError("PeerNotFound", ErrorCategory.ObjectNotFound, "there is no trusted host of that name")]
[CommandError("PeerUnreachable", ErrorCategory.ConnectionError, "the other host does not answer, or does not take machines")]
[CommandError("PeerNotTrusted", ErrorCategory.AuthenticationError, "the hosts do not trust each other")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "the other host has a machine of that id")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no configuration below the folder")]
[Example("Compare-VM '/backup/web1/Virtual Machines/0A5C6B1E-8D4B-4D23-9C26-5D1E1E3B0F11.json'", "Shows what hinders web1 from being imported where it lies.")]
[Example("Compare-VM -Copy -GenerateNewId -Path /backup/web1 -VhdDestinationPath /vms/web2", "Shows what hinders a second web1.")]
[Example("Compare-VM web1 host2 -IncludeStorage", "Shows what hinders web1 from being moved to host2 with its files.")]
public sealed class CompareVM : ImportCommand
{
    /// <summary>Name of a virtual machine that is to be moved.</summary>
    [Parameter(ParameterSetName = "NameSingleDestination", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>A virtual machine that is to be moved.</summary>
    [Parameter(ParameterSetName = "VMSingleDestination", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    public VirtualMachine? VM { get; set; }

    /// <summary>The other host: its name, or an address.</summary>
    [Parameter(ParameterSetName = "NameSingleDestination", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "VMSingleDestination", Position = 1, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? DestinationHost { get; set; }

    /// <summary>All files are to be moved too.</summary>
    [Parameter(ParameterSetName = "NameSingleDestination")]
    [Parameter(ParameterSetName = "VMSingleDestination")]
    public Switch IncludeStorage { get; set; }

    /// <summary>Folder on the other host for everything.</summary>
    [Parameter(ParameterSetName = "NameSingleDestination")]
    [Parameter(ParameterSetName = "VMSingleDestination")]
    [ValidateNotNullOrEmpty]
    public string? DestinationStoragePath { get; set; }

    /// <summary>A report; what it is about is looked at again.</summary>
    [Parameter(ParameterSetName = "CompatibilityReport", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMCompatibilityReport? CompatibilityReport { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var imports = context.Service<IImports>();
        if (CompatibilityReport is not null)
        {
            CompatibilityMapper.Write(context, await imports.CheckAsync(PlanOf(CompatibilityReport), context.Cancellation));
            return;
        }

        if (DestinationHost is not null)
        {
            await CompareMoveAsync(context);
            return;
        }

        foreach (var request in Requests(context))
        {
            if (await context.ShouldProcessAsync(request.Path, "Compare-VM"))
            {
                await GuardAsync(context, async () => CompatibilityMapper.Write(context, await imports.PlanAsync(request, context.Cancellation)));
            }
        }
    }

    private async Task CompareMoveAsync(CommandContext context)
    {
        var request = new MoveRequest
        {
            DestinationHost = DestinationHost!,
            IncludesStorage = IncludeStorage || DestinationStoragePath is not null,
            Places = new StorageMoveRequest { DestinationPath = DiskPlaces.Folder(DestinationStoragePath) },
        };
        foreach (var machine in Resolve(context, Name is null ? null : [Name], VM is null ? null : [VM]))
        {
            if (await context.ShouldProcessAsync(machine.Name, "Compare-VM"))
            {
                await GuardAsync(context, async () => CompatibilityMapper.WriteMove(
                    context, machine, request, await context.Service<IMachineMoves>().CompareAsync(machine.Id, request, context.Cancellation)));
            }
        }
    }
}
