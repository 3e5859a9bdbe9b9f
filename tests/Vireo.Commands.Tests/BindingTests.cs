using System.Text.Json;
using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Tests.Sample;
using Vireo.Testing;

namespace Vireo.Commands.Tests;

/// <summary>Parameters of a request become properties of the command, or a precise error.</summary>
[Requirement("PS-1")]
public class BindingTests
{
    private static readonly CommandRegistry Registry = new(CommandTable.Descriptors);

    private static BoundCommand Bind(string json, string command = "Test-Sample", string? set = null) =>
        Registry.Find(command)!.Bind(JsonDocument.Parse(json).RootElement, set);

    private static TestSample Sample(string json) => (TestSample)Bind(json).Command;

    [Fact]
    public void Every_kind_of_parameter_is_set()
    {
        var sample = Sample("""
            {"Name":["web1","web2"],"MemoryStartupBytes":536870912,"Action":"StartIfRunning","Delay":"00:05:00","Colour":"green","Path":"/x",
             "Port":65535,"Id":"c08cb7b8-9b3c-408e-8e30-5e16a3aeb444","Enabled":false,"Force":true}
            """);
        Assert.Equal(["web1", "web2"], sample.Name!);
        Assert.Equal(512L << 20, sample.MemoryStartupBytes);
        Assert.Equal(StartAction.StartIfRunning, sample.Action);
        Assert.Equal(TimeSpan.FromMinutes(5), sample.Delay);
        Assert.Equal("green", sample.Colour);
        Assert.Equal((ushort)65535, sample.Port!.Value);
        Assert.Equal(new Guid("c08cb7b8-9b3c-408e-8e30-5e16a3aeb444"), sample.Id);
        Assert.False(sample.Enabled);
        Assert.True(sample.Force.IsPresent);
        Assert.False(sample.Ask.IsPresent);
    }

    [Fact]
    public void Names_aliases_and_words_are_read_without_regard_to_case()
    {
        var bound = Bind("""{"vmname":"web1","action":"start","enabled":"$true","memorystartupbytes":"1.5GB","port":"0x10"}""");
        var sample = (TestSample)bound.Command;
        Assert.Equal(["web1"], sample.Name!);
        Assert.Equal(StartAction.Start, sample.Action);
        Assert.True(sample.Enabled);
        Assert.Equal(3L << 29, sample.MemoryStartupBytes);
        Assert.Equal((ushort)16, sample.Port!.Value);
        Assert.Contains("Name", bound.Bound);
        Assert.DoesNotContain("Path", bound.Bound);
    }

    [Fact]
    public void An_enumeration_is_taken_by_number() => Assert.Equal(StartAction.Start, Sample("""{"Name":"a","Action":4}""").Action);

    [Fact]
    public void An_object_is_taken_by_its_identity_and_chooses_its_set()
    {
        var bound = Bind("""{"VM":{"Id":"c08cb7b8-9b3c-408e-8e30-5e16a3aeb444","Name":"web1","Unknown":[1]}}""");
        Assert.Equal("VMObject", bound.ParameterSetName);
        Assert.Equal(new Guid("c08cb7b8-9b3c-408e-8e30-5e16a3aeb444"), ((TestSample)bound.Command).VM![0].Id);
    }

    [Fact]
    public void The_alias_of_a_command_finds_it() => Assert.Equal("Test-Sample", Registry.Find("test-specimen")!.Info.Name);

    [Fact]
    public void A_derived_class_that_declares_a_parameter_again_replaces_it()
    {
        var bound = Bind("""{"Name":"a"}""", "Remove-Sample");
        Assert.Equal(-1, Registry.Find("Remove-Sample")!.Info.Find("Name")!.Places[0].SetName is null ? -1 : 0);
        Assert.Equal(["a"], ((RemoveSample)bound.Command).Name!);
    }

    [Theory]
    [InlineData("""{"Nmae":"web1"}""", "NamedParameterNotFound", ErrorCategory.InvalidArgument)]
    [InlineData("""{"Name":"web1","VM":{"Id":"c08cb7b8-9b3c-408e-8e30-5e16a3aeb444"}}""", "AmbiguousParameterSet", ErrorCategory.InvalidArgument)]
    [InlineData("""{}""", "MissingMandatoryParameter", ErrorCategory.InvalidArgument)]
    [InlineData("""{"Name":"a","VMName":"b"}""", "ParameterAlreadyBound", ErrorCategory.InvalidArgument)]
    [InlineData("""{"Name":"a","MemoryStartupBytes":"lots"}""", "CannotConvertArgument", ErrorCategory.InvalidArgument)]
    [InlineData("""{"Name":"a","MemoryStartupBytes":1.5}""", "CannotConvertArgument", ErrorCategory.InvalidArgument)]
    [InlineData("""{"Name":"a","MemoryStartupBytes":99999999999999999999}""", "CannotConvertArgument", ErrorCategory.InvalidArgument)]
    [InlineData("""{"Name":"a","MemoryStartupBytes":1}""", "ParameterArgumentValidationError", ErrorCategory.InvalidData)]
    [InlineData("""{"Name":"a","Port":65536}""", "CannotConvertArgument", ErrorCategory.InvalidArgument)]
    [InlineData("""{"Name":"a","Port":-1}""", "CannotConvertArgument", ErrorCategory.InvalidArgument)]
    [InlineData("""{"Name":"a","Action":"Jump"}""", "CannotConvertArgument", ErrorCategory.InvalidArgument)]
    [InlineData("""{"Name":"a","Action":1}""", "CannotConvertArgument", ErrorCategory.InvalidArgument)]
    [InlineData("""{"Name":"a","Colour":"Blue"}""", "ParameterArgumentValidationError", ErrorCategory.InvalidData)]
    [InlineData("""{"Name":"a","Id":"no"}""", "CannotConvertArgument", ErrorCategory.InvalidArgument)]
    [InlineData("""{"Name":"a","Id":null}""", null, ErrorCategory.NotSpecified)]
    [InlineData("""{"Name":{}}""", "CannotConvertArgument", ErrorCategory.InvalidArgument)]
    [InlineData("""{"Name":null}""", "ParameterArgumentValidationErrorNullNotAllowed", ErrorCategory.InvalidData)]
    [InlineData("""{"Name":""}""", "ParameterArgumentValidationErrorEmptyStringNotAllowed", ErrorCategory.InvalidData)]
    [InlineData("""{"Name":[]}""", "ParameterArgumentValidationErrorEmptyArrayNotAllowed", ErrorCategory.InvalidData)]
    [InlineData("""{"Name":["a",null]}""", "ParameterArgumentValidationError", ErrorCategory.InvalidData)]
    [InlineData("""{"Name":["a",""]}""", "ParameterArgumentValidationError", ErrorCategory.InvalidData)]
    [InlineData("""{"Name":"a\u0000b"}""", "CannotConvertArgument", ErrorCategory.InvalidArgument)]
    [InlineData("""{"VM":"web1"}""", "CannotConvertArgument", ErrorCategory.InvalidArgument)]
    [InlineData("""{"VM":{"Id":7}}""", "CannotConvertArgument", ErrorCategory.InvalidArgument)]
    [InlineData("""[1]""", "InvalidRequest", ErrorCategory.InvalidArgument)]
    public void A_wrong_request_is_refused_with_its_error(string json, string? errorId, ErrorCategory category)
    {
        if (errorId is null)
        {
            Bind(json);
            return;
        }

        var error = Assert.Throws<CommandException>(() => Bind(json));
        Assert.Equal(errorId, error.ErrorId);
        Assert.Equal(category, error.Category);
        Assert.EndsWith(".", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_set_that_the_client_chose_is_kept_to()
    {
        Assert.Equal("Name", Bind("""{"Name":"a"}""", set: "name").ParameterSetName);
        Assert.Equal("AmbiguousParameterSet", Assert.Throws<CommandException>(() => Bind("""{"Name":"a"}""", set: "VMObject")).ErrorId);
    }

    [Fact]
    public void What_the_class_says_is_what_every_surface_shows()
    {
        var info = Registry.Find("Test-Sample")!.Info;
        Assert.Equal("Shows every kind of parameter. It writes back what it was given.", info.Synopsis);
        Assert.Equal("Only for tests.", info.Description);
        Assert.Equal("Microsoft.HyperV.PowerShell.Commands.TestSample", info.CmdletClass);
        Assert.Equal("Microsoft.Test.RemoveSampleCommand", Registry.Find("Remove-Sample")!.Info.CmdletClass);
        Assert.Equal("Microsoft.HyperV.PowerShell.VirtualMachine", Assert.Single(info.OutputTypes));
        Assert.Equal(["Name", "VMObject"], info.Sets.Order(StringComparer.Ordinal));
        Assert.Equal("Names of VirtualMachine objects.", info.Find("Name")!.Help);
        Assert.Equal(32L << 20, info.Find("MemoryStartupBytes")!.Minimum);
        Assert.Equal("PSCredential[]", info.Find("Credential")!.TypeName);
        Assert.Equal("SwitchParameter", info.Find("AsJob")!.TypeName);
        Assert.True(info.Find("Path")!.IsPath);
        Assert.Equal(4, info.Find("Action")!.Values.Single(value => value.Name == "Start").Number);
    }
}
