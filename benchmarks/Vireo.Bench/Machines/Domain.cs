namespace Vireo.Bench.Machines;

/// <summary>A libvirt domain with the devices that Vireo gives a guest.</summary>
internal static class Domain
{
    /// <summary>Its definition.</summary>
    public static string Xml(string name, int megabytes, string rawDisk, string folder) => $"""
        <domain type='qemu'>
          <name>{name}</name>
          <memory unit='MiB'>{megabytes}</memory>
          <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
          <vcpu>1</vcpu>
          <os><type arch='x86_64' machine='pc'>hvm</type></os>
          <features><acpi/></features>
          <cpu mode='maximum'><feature policy='disable' name='svm'/><feature policy='disable' name='la57'/></cpu>
          <devices>
            <emulator>/usr/bin/qemu-system-x86_64</emulator>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{rawDisk}'/><target dev='hda' bus='ide'/></disk>
            <serial type='unix'><source mode='bind' path='{folder}/{name}.virsh-com1'/><target port='0'/></serial>
            <channel type='unix'><source mode='bind' path='{folder}/{name}.virsh-agent'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
            <video><model type='vga'/></video>
            <memballoon model='virtio'/>
            <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
          </devices>
        </domain>
        """;
}
