using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Transfers;

/// <summary>
/// Imports virtual machines from exports, from plainly copied files, and from exports of Hyper-V: registers them where they lie, or copies them. What
/// is imported is there completely or not at all.
/// </summary>
[Command("Import", "VM", DefaultParameterSetName = "Register", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the path does not exist, or the report's plan is gone")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no configuration below the folder")]
[CommandError("InvalidOperation", ErrorCategory.InvalidOperation, "the machine is not compatible with this host; Compare-VM says why")]
[CommandError("ObjectAlreadyExists", ErrorCategory.ResourceExists, "a file is where a copy should go")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "another program writes to a disk")]
[CommandError("OutOfDiskSpace", ErrorCategory.ResourceUnavailable, "there is no room for the copies")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "a disk is damaged or the storage failed")]
[Example("Import-VM '/data/web1/Virtual Machines/0A5C6B1E-8D4B-4D23-9C26-5D1E1E3B0F11.json'", "Registers web1 where it lies.")]
[Example("Import-VM /data", "Registers every virtual machine found below /data: what a host that lost its system disk needs.")]
[Example("Import-VM -Copy -GenerateNewId -Path /backup/web1 -VirtualMachinePath /vms/web2 -VhdDestinationPath /vms/web2", "Makes a second machine of an export.")]
[Example("Compare-VM /backup/web1 | Import-VM", "Imports what a report is about.")]
public sealed class ImportVM : ImportCommand
{
    /// <summary>A report of Compare-VM; its machine is imported as it was changed since.</summary>
    [Parameter(ParameterSetName = "CompatibilityReport", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMCompatibilityReport? CompatibilityReport { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var imports = context.Service<IImports>();
        if (CompatibilityReport is not null)
        {
            var plan = await imports.CheckAsync(PlanOf(CompatibilityReport), context.Cancellation);
            if (await context.ShouldProcessAsync(plan.Machine!.Name, "Import-VM"))
            {
                await RealizeAsync(context, plan);
            }

            return;
        }

        foreach (var request in Requests(context))
        {
            if (await context.ShouldProcessAsync(request.Path, "Import-VM"))
            {
                await GuardAsync(context, () => ImportAsync(context, request));
            }
        }
    }

    private static async Task ImportAsync(CommandContext context, ImportRequest request)
    {
        var imports = context.Service<IImports>();
        var plan = await imports.PlanAsync(request, context.Cancellation);
        try
        {
            await RealizeAsync(context, plan);
        }
        catch
        {
            // Nobody has a report that could lead back to the plan.
            if (plan.Machine is { } machine)
            {
                imports.Drop(machine.Id);
            }

            throw;
        }
    }

    private static async Task RealizeAsync(CommandContext context, ImportPlan plan)
    {
        Require(plan);
        foreach (var one in plan.Incompatibilities)
        {
            if (one.Facts.Severity == VMCompatibilitySeverity.Warning)
            {
                context.WriteWarning(one.Message);
            }
            else
            {
                context.WriteVerbose(one.Message);
            }
        }

        var id = await context.Service<IImports>().RealizeAsync(
            plan.Machine!.Id, (status, percent) => context.WriteProgress($"Importing '{plan.Machine.Name}'", status, percent), context.Cancellation);
        WriteMachine(context, id);
    }

    private static void Require(ImportPlan plan)
    {
        var errors = plan.Incompatibilities.Where(one => one.Facts.Severity == VMCompatibilitySeverity.Error).ToList();
        if (errors.Count > 0)
        {
            throw CompatibilityMapper.NotCompatible(plan.Machine?.Name ?? plan.Request.Path, errors);
        }
    }
}
