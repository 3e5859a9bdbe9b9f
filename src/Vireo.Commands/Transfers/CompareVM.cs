using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Transfers;

/// <summary>
/// Says what hinders a virtual machine from being imported. The report's machine is a plan: commands that change virtual machines change it, and
/// <c>Compare-VM -CompatibilityReport</c> looks again.
/// </summary>
[Command("Compare", "VM", DefaultParameterSetName = "Register", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VMCompatibilityReport))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the path does not exist, or the report's plan is gone")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no configuration below the folder")]
[Example("Compare-VM '/backup/web1/Virtual Machines/0A5C6B1E-8D4B-4D23-9C26-5D1E1E3B0F11.json'", "Shows what hinders web1 from being imported where it lies.")]
[Example("Compare-VM -Copy -GenerateNewId -Path /backup/web1 -VhdDestinationPath /vms/web2", "Shows what hinders a second web1.")]
public sealed class CompareVM : ImportCommand
{
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

        foreach (var request in Requests(context))
        {
            if (await context.ShouldProcessAsync(request.Path, "Compare-VM"))
            {
                await GuardAsync(context, async () => CompatibilityMapper.Write(context, await imports.PlanAsync(request, context.Cancellation)));
            }
        }
    }
}
