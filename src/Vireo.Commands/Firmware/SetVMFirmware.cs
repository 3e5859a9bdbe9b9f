using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;

namespace Vireo.Commands.Firmware;

/// <summary>Changes the firmware settings of generation 2 virtual machines.</summary>
[Command("Set", "VMFirmware", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMFirmware))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a device does not belong to the machine, or the machine is of generation 1")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "there is no such secure boot template, or another setting is not available")]
[Example("Set-VMFirmware web1 -EnableSecureBoot Off", "Lets web1 start boot loaders that are not signed.")]
public sealed class SetVMFirmware : ChangePartCommand
{
    /// <summary>Firmware settings, as Get-VMFirmware writes them.</summary>
    [Parameter(ParameterSetName = "VMFirmware", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMFirmware[]? VMFirmware { get; set; }

    /// <summary>Drives, adapters or boot sources, in the order they are tried.</summary>
    [Parameter]
    public VMComponentObject[]? BootOrder { get; set; }

    /// <summary>Drive, adapter or boot source that is tried first.</summary>
    [Parameter]
    public VMComponentObject? FirstBootDevice { get; set; }

    /// <summary>Verify boot loaders' signatures. Switched on for the first time, the firmware begins with new variables, which hold the template's keys.</summary>
    [Parameter]
    public OnOffState? EnableSecureBoot { get; set; }

    /// <summary>Whose signatures count: <c>MicrosoftWindows</c> or <c>MicrosoftUEFICertificateAuthority</c>; the firmware has the keys of both.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? SecureBootTemplate { get; set; }

    /// <summary>Id of the template.</summary>
    [Parameter]
    public Guid? SecureBootTemplateId { get; set; }

    /// <summary>Where the firmware's console goes.</summary>
    [Parameter]
    public ConsoleModeType? ConsoleMode { get; set; }

    /// <summary>Protocol tried first when starting from the network.</summary>
    [Parameter]
    public IPProtocolPreference? PreferredNetworkBootProtocol { get; set; }

    /// <summary>Wait for a key when nothing boots.</summary>
    [Parameter]
    public OnOffState? PauseAfterBootFailure { get; set; }

    /// <summary>Write the settings to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var template = Template();
        if (ConsoleMode is not (null or ConsoleModeType.Default) || PreferredNetworkBootProtocol is not (null or IPProtocolPreference.IPv4) || PauseAfterBootFailure == OnOffState.On)
        {
            throw Errors.NotSupported(
                "Only -ConsoleMode Default, -PreferredNetworkBootProtocol IPv4 and -PauseAfterBootFailure Off are available in this version.", nameof(ConsoleMode));
        }

        return ChangeEachAsync(
            context,
            VMFirmware is null ? Machines(context) : Owners(context, VMFirmware),
            "Set-VMFirmware",
            (c, status) => Apply(c, status, template),
            Passthru ? machine => context.WriteObject(FirmwareMapper.Firmware(machine, context.Service<IMachines>().StatusOf(machine.Id), context)) : null);
    }

    private VirtualMachineConfiguration Apply(VirtualMachineConfiguration c, MachineStatus status, string? template)
    {
        if (c.Generation != 2)
        {
            throw Errors.Invalid($"The virtual machine '{c.Name}' is of generation 1 and has no UEFI firmware; use Set-VMBios.", c.Name);
        }

        RequireOff(c, status, "its firmware settings");
        var order = BootOrder is null ? [.. FirmwareMapper.BootDevices(c)] : BootOrder.Select(device => Device(c, device)).Distinct().ToList();
        if (FirstBootDevice is not null)
        {
            var first = Device(c, FirstBootDevice);
            order = [first, .. order.Where(id => id != first)];
        }

        return c with
        {
            FirmwareBootOrder = order,
            SecureBootEnabled = EnableSecureBoot is { } secure ? secure == OnOffState.On : c.SecureBootEnabled,
            SecureBootTemplate = template ?? c.SecureBootTemplate,
            ConsoleMode = ConsoleMode?.ToString() ?? c.ConsoleMode,
            PreferredNetworkBootProtocol = PreferredNetworkBootProtocol?.ToString() ?? c.PreferredNetworkBootProtocol,
            PauseAfterBootFailure = PauseAfterBootFailure is { } pause ? pause == OnOffState.On : c.PauseAfterBootFailure,
        };
    }

    private string? Template()
    {
        if (SecureBootTemplateId is { } id)
        {
            return SecureBootTemplates.Find(id) ?? throw Errors.NotSupported($"There is no secure boot template {id:D} here; there are {string.Join(" and ", SecureBootTemplates.Names)}.", nameof(SecureBootTemplateId));
        }

        return SecureBootTemplate is null
            ? null
            : SecureBootTemplates.Find(SecureBootTemplate)
                ?? throw Errors.NotSupported($"There is no secure boot template '{SecureBootTemplate}' here; there are {string.Join(" and ", SecureBootTemplates.Names)}.", nameof(SecureBootTemplate));
    }

    private static Guid Device(VirtualMachineConfiguration c, VMComponentObject device)
    {
        var id = device.PartId();
        return c.Drives.Any(drive => drive.Id == id) || c.NetworkAdapters.Any(adapter => adapter.Id == id)
            ? id
            : throw Errors.Invalid($"The device '{device.Name}' does not belong to the virtual machine '{c.Name}'.", device.Id);
    }
}
