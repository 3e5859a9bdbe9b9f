using Vireo.Commands.Services;

namespace Vireo.Host.Transfers.Checks;

/// <summary>Serial ports and firmware.</summary>
internal sealed class DeviceCheck : IImportCheck
{
    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        var machine = facts.Machine;
        for (var port = 0; port < machine.ComPorts.Count; port++)
        {
            if (machine.ComPorts[port] is { } path && !path.StartsWith('/'))
            {
                yield return new(
                    IncompatibilityKind.SerialPipeInvalid, $"COM {port + 1} leads to '{path}', which is no path of this host; it will lead nowhere.", $"Set-VMComPort -Number {port + 1} -Path", IncompatibleObject.ComPort, Number: port + 1);
            }
        }

        if (machine is { Generation: 2, TpmEnabled: true, KeyProtector: { } protector } && !facts.CanOpenKeyProtector(protector))
        {
            yield return new(
                IncompatibilityKind.TpmKeyProtector, $"What the trusted platform module of '{machine.Name}' keeps is encrypted with a key that only the host which made it can open.",
                "Disable-VMTPM, or take the guardian key over from that host", IncompatibleObject.Machine);
        }

        if (machine is { Generation: 2, SecureBootEnabled: true })
        {
            yield return new(
                IncompatibilityKind.SecureBootOn, $"Secure boot of '{machine.Name}' is on; its firmware variables decide what may start.", "Set-VMFirmware -EnableSecureBoot Off", IncompatibleObject.Firmware);
        }
    }
}
