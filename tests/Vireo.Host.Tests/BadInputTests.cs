using System.Text.Json.Nodes;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>Bad input for every command: one clear sentence with the id that scripts match on, and nothing half-made.</summary>
public sealed class BadInputTests(HostFixture host) : IClassFixture<HostFixture>
{
    private const string Class = "Microsoft.HyperV.PowerShell.Commands.";

    public static TheoryData<string, string, string> MissingMachines => new()
    {
        // command, parameters, expected error id
        { "Get-VM", """{"Name":"none"}""", "InvalidParameter" },
        { "Start-VM", """{"Name":"none"}""", "InvalidParameter" },
        { "Stop-VM", """{"Name":"none","TurnOff":true}""", "InvalidParameter" },
        { "Suspend-VM", """{"Name":"none"}""", "InvalidParameter" },
        { "Resume-VM", """{"Name":"none"}""", "InvalidParameter" },
        { "Save-VM", """{"Name":"none"}""", "InvalidParameter" },
        { "Restart-VM", """{"Name":"none","Force":true}""", "InvalidParameter" },
        { "Remove-VM", """{"Name":"none","Force":true}""", "InvalidParameter" },
        { "Wait-VM", """{"Name":"none","Timeout":1}""", "InvalidParameter" },
        { "Rename-VM", """{"Name":"none","NewName":"x"}""", "ObjectNotFound" },
        { "Set-VM", """{"Name":"none","Notes":"x"}""", "ObjectNotFound" },
        { "Get-VMMemory", """{"VMName":"none"}""", "InvalidParameter" },
        { "Set-VMMemory", """{"VMName":"none","StartupBytes":536870912}""", "ObjectNotFound" },
        { "Get-VMProcessor", """{"VMName":"none"}""", "InvalidParameter" },
        { "Set-VMProcessor", """{"VMName":"none","Count":1}""", "ObjectNotFound" },
        { "Get-VMFirmware", """{"VMName":"none"}""", "InvalidParameter" },
        { "Set-VMFirmware", """{"VMName":"none","EnableSecureBoot":"Off"}""", "ObjectNotFound" },
        { "Get-VMBios", """{"VMName":"none"}""", "InvalidParameter" },
        { "Set-VMBios", """{"VMName":"none","DisableNumLock":true}""", "ObjectNotFound" },
        { "Get-VMComPort", """{"VMName":"none"}""", "InvalidParameter" },
        { "Set-VMComPort", """{"VMName":"none","Number":1,"Path":"/tmp/x"}""", "ObjectNotFound" },
        { "Get-VMIntegrationService", """{"VMName":"none"}""", "InvalidParameter" },
        { "Get-VMHardDiskDrive", """{"VMName":"none"}""", "InvalidParameter" },
        { "Add-VMHardDiskDrive", """{"VMName":"none","Path":"/tmp/x.vhdx"}""", "InvalidParameter" },
        { "Set-VMHardDiskDrive", """{"VMName":"none","Path":"/tmp/x.vhdx"}""", "ObjectNotFound" },
        { "Remove-VMHardDiskDrive", """{"VMName":"none","ControllerType":"IDE","ControllerNumber":0,"ControllerLocation":0}""", "InvalidParameter" },
        { "Get-VMDvdDrive", """{"VMName":"none"}""", "InvalidParameter" },
        { "Add-VMDvdDrive", """{"VMName":"none"}""", "InvalidParameter" },
        { "Set-VMDvdDrive", """{"VMName":"none","Path":null}""", "ObjectNotFound" },
        { "Remove-VMDvdDrive", """{"VMName":"none","ControllerNumber":0,"ControllerLocation":0}""", "InvalidParameter" },
        { "Get-VMNetworkAdapter", """{"VMName":"none"}""", "InvalidParameter" },
        { "Add-VMNetworkAdapter", """{"VMName":"none"}""", "InvalidParameter" },
        { "Set-VMNetworkAdapter", """{"VMName":"none","DynamicMacAddress":true}""", "ObjectNotFound" },
        { "Rename-VMNetworkAdapter", """{"VMName":"none","NewName":"x"}""", "ObjectNotFound" },
        { "Remove-VMNetworkAdapter", """{"VMName":"none"}""", "InvalidParameter" },
        { "Connect-VMNetworkAdapter", """{"VMName":"none","SwitchName":"Default Switch"}""", "InvalidParameter" },
        { "Disconnect-VMNetworkAdapter", """{"VMName":"none"}""", "InvalidParameter" },
        { "Set-VMNetworkAdapterVlan", """{"VMName":"none","Untagged":true}""", "ObjectNotFound" },
        { "Get-VMNetworkAdapterVlan", """{"VMName":"none"}""", "InvalidParameter" },
        { "Set-VMNetworkAdapterIsolation", """{"VMName":"none","IsolationMode":"None"}""", "ObjectNotFound" },
        { "Get-VMNetworkAdapterIsolation", """{"VMName":"none"}""", "InvalidParameter" },
        { "Trace-VMNetwork", """{"VMName":["none"]}""", "InvalidParameter" },
        { "Test-VMNetworkAdapter", """{"VMName":"none","SenderIPAddress":"10.0.0.1","ReceiverIPAddress":"10.0.0.2","SequenceNumber":1}""", "ObjectNotFound" },
        { "Get-VMNetworkAdapterAcl", """{"VMName":"none"}""", "InvalidParameter" },
        { "Add-VMNetworkAdapterAcl", """{"VMName":"none","Action":"Deny","Direction":"Both","RemoteIPAddress":["ANY"]}""", "ObjectNotFound" },
        { "Remove-VMNetworkAdapterAcl", """{"VMName":"none","Action":"Deny","Direction":"Both","RemoteIPAddress":["ANY"]}""", "ObjectNotFound" },
        { "Get-VMNetworkAdapterExtendedAcl", """{"VMName":"none"}""", "InvalidParameter" },
        { "Add-VMNetworkAdapterExtendedAcl", """{"VMName":"none","Action":"Deny","Direction":"Inbound","Weight":1}""", "ObjectNotFound" },
        { "Remove-VMNetworkAdapterExtendedAcl", """{"VMName":"none","Direction":"Inbound","Weight":1}""", "ObjectNotFound" },
        { "Get-VMSwitch", """{"Name":"none"}""", "InvalidParameter" },
        { "Set-VMSwitch", """{"Name":"none","Notes":"x"}""", "InvalidParameter" },
        { "Rename-VMSwitch", """{"Name":"none","NewName":"x"}""", "InvalidParameter" },
        { "Remove-VMSwitch", """{"Name":"none","Force":true}""", "InvalidParameter" },
    };

    public static TheoryData<string, string, string> BadValues => new()
    {
        { "New-VM", """{"Name":"bad","MemoryStartupBytes":1}""", "InvalidParameter" },
        { "New-VM", """{"Name":"bad","MemoryStartupBytes":2199023255552}""", "InvalidParameter" },
        { "New-VM", """{"Name":"bad","Generation":3}""", "ParameterArgumentValidationError" },
        { "New-VM", """{"Name":"bad","SwitchName":"none"}""", "ObjectNotFound" },
        { "New-VM", """{"Name":"bad","VHDPath":"/no/such.vhdx"}""", "InvalidParameter" },
        { "New-VM", """{"Name":"bad","NewVHDPath":"x.txt","NewVHDSizeBytes":1073741824}""", "InvalidParameter" },
        { "New-VM", """{"Name":"bad","NewVHDPath":"x.vhdx","NewVHDSizeBytes":1}""", "InvalidParameter" },
        { "New-VM", """{"Name":"bad","NewVHDPath":"x.vhdx","NewVHDSizeBytes":140737488355328}""", "InvalidParameter" },
        { "New-VM", """{"Name":"bad","Path":"/proc/none"}""", "ObjectNotFound" },
        { "New-VM", """{"Name":"bad","Bogus":1}""", "NamedParameterNotFound" },
        { "New-VHD", """{"Path":"/tmp/x.vhdx"}""", "MissingMandatoryParameter" },
        { "New-VHD", """{"Path":"/tmp/x.vhdx","SizeBytes":100}""", "InvalidParameter" },
        { "New-VHD", """{"Path":"/no/such/folder/x.vhdx","SizeBytes":1073741824}""", "InvalidParameter" },
        { "New-VHD", """{"Path":"/proc/x.vhdx","SizeBytes":1073741824}""", "" },
        { "Get-VHD", """{"Path":"/no/such.vhdx"}""", "InvalidParameter" },
        { "New-VMSwitch", """{"Name":"bad","NetAdapterName":"nonet0"}""", "InvalidParameter" },
        { "New-VMSwitch", """{"Name":"bad","SwitchType":"External"}""", "ParameterArgumentValidationError" },
        { "New-VHD", """{"Path":"/tmp/x.vhdx","SizeBytes":1073741824,"LogicalSectorSizeBytes":1024}""", "ParameterArgumentValidationError" },
        { "New-VHD", """{"Path":"x.vhdx","SizeBytes":1073741824}""", "ParameterArgumentValidationError" },
        { "Set-VMHost", """{"VirtualMachinePath":"vms"}""", "ParameterArgumentValidationError" },
        { "New-VMSwitch", """{"Name":"","SwitchType":"Private"}""", "" },
        { "Remove-VMSwitch", """{"Name":"Default Switch","Force":true}""", "OperationFailed" },
        { "Set-VMNetworkAdapterVlan", """{"VMName":"none","Access":true,"Trunk":true}""", "InvalidParameter" },
        { "Set-VMNetworkAdapterVlan", """{"VMName":"none","Trunk":true,"AllowedVlanIdList":"1-5000","NativeVlanId":0}""", "InvalidParameter" },
        { "Set-VMNetworkAdapterVlan", """{"VMName":"none","Trunk":true}""", "InvalidParameter" },
        { "Set-VMNetworkAdapterIsolation", """{"VMName":"none","IsolationMode":"NativeVirtualSubnet"}""", "NotSupported" },
        { "Set-VMNetworkAdapterIsolation", """{"VMName":"none","MultiTenantStack":"On"}""", "NotSupported" },
        { "Set-VMNetworkAdapter", """{"VMName":"none","MinimumBandwidthWeight":101}""", "InvalidParameter" },
        { "Set-VMNetworkAdapter", """{"VMName":"none","MinimumBandwidthWeight":1,"MinimumBandwidthAbsolute":1}""", "InvalidParameter" },
        { "Trace-VMNetwork", """{"Filter":"bananas"}""", "InvalidParameter" },
        { "Trace-VMNetwork", """{"Count":-1}""", "InvalidParameter" },
        { "Test-VMNetworkAdapter", """{"VMName":"none","Sender":true,"Receiver":true,"SenderIPAddress":"10.0.0.1","ReceiverIPAddress":"10.0.0.2","SequenceNumber":1}""", "InvalidParameter" },
        { "Start-VMTrace", """{"Level":"Info","Path":"not/absolute"}""", "InvalidParameter" },
        { "Stop-VMTrace", """{}""", "InvalidState" },
        { "Set-VMSwitch", """{"Name":"Default Switch","DefaultFlowMinimumBandwidthWeight":101}""", "InvalidParameter" },
        { "Set-VMNetworkAdapterVlan", """{"VMName":"none","Isolated":true,"PrimaryVlanId":4,"SecondaryVlanId":4}""", "InvalidParameter" },
        { "Set-VMNetworkAdapterVlan", """{"VMName":"none","Untagged":true,"VlanId":4}""", "InvalidParameter" },
        { "Set-VMNetworkAdapter", """{"VMName":"none","MaximumBandwidth":-1}""", "InvalidParameter" },
        { "Add-VMNetworkAdapterAcl", """{"VMName":"none","Action":"Deny","Direction":"Both"}""", "InvalidParameter" },
        { "Add-VMNetworkAdapterAcl", """{"VMName":"none","Action":"Deny","Direction":"Both","RemoteIPAddress":["10.0.0.1/8"]}""", "InvalidParameter" },
        { "Add-VMNetworkAdapterExtendedAcl", """{"VMName":"none","Action":"Allow","Direction":"Inbound","Weight":1,"Protocol":"pigeon"}""", "InvalidParameter" },
        { "Add-VMNetworkAdapterExtendedAcl", """{"VMName":"none","Action":"Allow","Direction":"Inbound","Weight":1,"LocalPort":"90-80"}""", "InvalidParameter" },
        { "Set-VMHost", """{"MacAddressMinimum":"xyz"}""", "InvalidParameter" },
        { "Set-VMMemory", """{"VMName":"none","Buffer":4}""", "ParameterArgumentValidationError" },
        { "Set-VMMemory", """{"VMName":"none","Priority":101}""", "ParameterArgumentValidationError" },
        { "Set-VMProcessor", """{"VMName":"none","RelativeWeight":0}""", "ParameterArgumentValidationError" },
        { "Set-VMProcessor", """{"VMName":"none","Maximum":101}""", "ParameterArgumentValidationError" },
        { "Set-VM", """{"Name":"none","StaticMemory":true,"DynamicMemory":true}""", "InvalidParameter" },
        { "Get-VMHostNumaNode", """{"Id":99}""", "InvalidParameter" },
        { "Get-VMHostNumaNodeStatus", """{"Id":99}""", "InvalidParameter" },
        { "Set-VMHost", """{"VirtualMachinePath":"/proc/none"}""", "ObjectNotFound" },
        { "Get-VMHost", """{"Bogus":1}""", "NamedParameterNotFound" },
    };

    [Theory]
    [MemberData(nameof(MissingMachines))]
    [MemberData(nameof(BadValues))]
    [Requirement("VM-11")]
    [Requirement("PS-1")]
    public async Task A_refused_command_says_why_and_changes_nothing(string command, string parameters, string errorId)
    {
        var before = await StateAsync();
        var error = await host.Client.ErrorAsync(command, JsonNode.Parse(parameters)!);
        if (errorId.Length > 0)
        {
            Assert.StartsWith(errorId, (string)error["errorId"]!, StringComparison.Ordinal);
        }

        AssertIsASentence(error);
        Assert.Contains(",Microsoft.", (string)error["fullyQualifiedErrorId"]!, StringComparison.Ordinal);
        Assert.Equal(before, await StateAsync());
    }

    [Fact]
    public async Task A_configuration_with_three_mistakes_names_all_three()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "three" });
        try
        {
            var error = await host.Client.ErrorAsync("Set-VM", new { Name = "three", NewVMName = new string('x', 200), ProcessorCount = 65, MemoryStartupBytes = 1 });
            var message = (string)error["message"]!;
            Assert.Contains("name", message, StringComparison.Ordinal);
            Assert.Contains("processors", message, StringComparison.Ordinal);
            Assert.Contains("memory", message, StringComparison.Ordinal);
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "three", Force = true });
        }
    }

    [Fact]
    public async Task A_disk_belongs_to_one_machine()
    {
        var disk = host["shared.vhdx"];
        await host.Client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = 64 << 20 });
        await host.Client.ObjectsAsync("New-VM", new { Name = "owner", VHDPath = disk });
        try
        {
            var error = await host.Client.ErrorAsync("New-VM", new { Name = "thief", VHDPath = disk });
            Assert.Equal("ObjectInUse," + Class + "NewVM", (string?)error["fullyQualifiedErrorId"]);
            Assert.Contains("owner", (string)error["message"]!, StringComparison.Ordinal);
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "owner", Force = true });
            File.Delete(disk);
        }
    }

    [Fact]
    public async Task A_corrupt_disk_is_refused_before_a_machine_is_made()
    {
        var disk = host["corrupt.vhdx"];
        await File.WriteAllBytesAsync(disk, new byte[1 << 20]);
        var error = await host.Client.ErrorAsync("New-VM", new { Name = "corrupt", VHDPath = disk });
        Assert.Contains(disk, (string)error["message"]!, StringComparison.Ordinal);
        Assert.DoesNotContain(await host.Client.ObjectsAsync("Get-VM", new { }), machine => (string?)machine["Name"] == "corrupt");
        File.Delete(disk);
    }

    [Fact]
    public async Task A_full_file_system_leaves_neither_disk_nor_machine()
    {
        var folder = host["full"];
        Directory.CreateDirectory(folder);
        Peer.Run("mount", "-t", "tmpfs", "-o", "size=8m", "none", folder);
        try
        {
            var error = await host.Client.ErrorAsync("New-VHD", new { Path = Path.Combine(folder, "big.vhdx"), SizeBytes = 64 << 20, Fixed = true });
            Assert.Equal("OutOfDiskSpace", (string?)error["errorId"]);
            Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
        }
        finally
        {
            Peer.Run("umount", folder);
        }
    }

    [Fact]
    [Requirement("PS-4")]
    public async Task WhatIf_says_what_would_be_done_and_does_nothing()
    {
        var before = await StateAsync();
        var records = await host.Client.RunAsync("New-VM", new { Name = "dry" }, whatIf: true);
        Assert.Contains(records, record => (string?)record["record"] == "whatif" && (string?)record["target"] == "dry");
        Assert.Equal(before, await StateAsync());
    }

    private static void AssertIsASentence(JsonObject error)
    {
        var message = (string)error["message"]!;
        Assert.EndsWith(".", message, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", message, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", message, StringComparison.Ordinal);
    }

    private async Task<string> StateAsync() => string.Join(
        "\n",
        (await host.Client.ObjectsAsync("Get-VM", new { })).Concat(await host.Client.ObjectsAsync("Get-VMSwitch", new { })).Select(value => value.ToJsonString()));
}
