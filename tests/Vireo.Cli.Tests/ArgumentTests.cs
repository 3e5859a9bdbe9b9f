using System.Text.Json;
using Vireo.Cli.Parsing;
using Vireo.Testing;

namespace Vireo.Cli.Tests;

/// <summary>What administrators type becomes the parameters they mean.</summary>
[Requirement("PS-3")]
public class ArgumentTests
{
    private static JsonElement Bind(params string[] arguments)
    {
        var words = PipelineText.Split(arguments)[0];
        return Call(words).Request(interactive: false).Parameters;
    }

    private static Call Call(IReadOnlyList<Word> words) =>
        new ArgumentBinder(CommandTable.Find(words[0].Text)!, "/home/me").Bind([.. words.Skip(1)], hasPipelineInput: false);

    private static string Error(params string[] arguments) => Assert.Throws<CliException>(() => Bind(arguments)).ErrorId;

    [Fact]
    public void Named_parameters_with_sizes_and_paths()
    {
        var parameters = Bind("New-VM", "-Name", "web1", "-MemoryStartupBytes", "512MB", "-NewVHDPath", "disks/web1.vhdx", "-NewVHDSizeBytes", "40GB");
        Assert.Equal("web1", parameters.GetProperty("Name").GetString());
        Assert.Equal(512L << 20, parameters.GetProperty("MemoryStartupBytes").GetInt64());
        Assert.Equal("/home/me/disks/web1.vhdx", parameters.GetProperty("NewVHDPath").GetString());
        Assert.Equal(40L << 30, parameters.GetProperty("NewVHDSizeBytes").GetInt64());
    }

    [Fact]
    public void Positions_aliases_prefixes_and_case()
    {
        Assert.Equal("""["web*"]""", Bind("get-vm", "web*").GetProperty("Name").GetRawText());
        Assert.Equal("""["a"]""", Bind("Stop-VM", "-vmname", "a", "-turn").GetProperty("Name").GetRawText());
        Assert.True(Bind("Stop-VM", "a", "-TURNOFF").GetProperty("TurnOff").GetBoolean());
        Assert.False(Bind("Stop-VM", "a", "-TurnOff:$false").GetProperty("TurnOff").GetBoolean());
    }

    [Fact]
    public void Lists_are_split_at_commas_with_or_without_spaces()
    {
        const string wanted = """["a","b","c"]""";
        Assert.Equal(wanted, Bind("Get-VM", "a,b,c").GetProperty("Name").GetRawText());
        Assert.Equal(wanted, Bind("Get-VM", "a,", "b", ",c").GetProperty("Name").GetRawText());
        Assert.Equal(wanted, Bind("Get-VM -Name a, b,c").GetProperty("Name").GetRawText());
        Assert.Equal("""["a,b","c"]""", Bind("Get-VM 'a,b',c").GetProperty("Name").GetRawText());
    }

    [Fact]
    public void A_whole_line_has_quotes_escapes_and_bars()
    {
        var stages = PipelineText.Split(["Get-VM \"my `\"vm`\"\" 'it''s' a`|b | Stop-VM -TurnOff"]);
        Assert.Equal(2, stages.Count);
        Assert.Equal(["Get-VM", "my \"vm\"", "it's", "a|b"], stages[0].Select(word => word.Text));
        Assert.Equal(["Stop-VM", "-TurnOff"], stages[1].Select(word => word.Text));
    }

    [Fact]
    public void Tables_are_read_as_PowerShell_writes_them()
    {
        const string wanted = """[{"SourceFilePath":"/home/me/a.vhdx","DestinationFilePath":"/it\u0027s, b;.vhdx"},{"SourceFilePath":"/c","DestinationFilePath":"/d"}]""";
        Assert.Equal(wanted, Bind("Move-VMStorage web -Vhds @{SourceFilePath='a.vhdx'; DestinationFilePath = '/it''s, b;.vhdx'}, @{SourceFilePath=/c;DestinationFilePath=\"/d\";}").GetProperty("Vhds").GetRawText());
        Assert.Equal(wanted, Bind("Move-VMStorage", "web", "-Vhds", "@{SourceFilePath='a.vhdx'; DestinationFilePath='/it''s, b;.vhdx'}", ",", "@{SourceFilePath=/c; DestinationFilePath=/d}").GetProperty("Vhds").GetRawText());
        foreach (var wrong in new[] { "a.vhdx", "@{a}", "@{a='b'", "@{=b}", "@{a='b' c=d}", "@{a=b} @{c=d}", "@{a=b},", "@{a='b}" })
        {
            Assert.Equal("CannotConvertArgument", Error("Move-VMStorage", "web", "-Vhds", wrong));
        }
    }

    [Fact]
    public void A_quoted_dash_is_a_value() =>
        Assert.Equal("""["-x"]""", Bind("Get-VM '-x'").GetProperty("Name").GetRawText());

    [Fact]
    public void Enumerations_by_name_or_number_and_booleans()
    {
        Assert.Equal("StartIfRunning", Bind("Set-VM", "a", "-AutomaticStartAction", "startifrunning").GetProperty("AutomaticStartAction").GetString());
        Assert.Equal("Start", Bind("Set-VM", "a", "-AutomaticStartAction", "4").GetProperty("AutomaticStartAction").GetString());
        Assert.False(Bind("Set-VMMemory", "a", "-DynamicMemoryEnabled", "$false").GetProperty("DynamicMemoryEnabled").GetBoolean());
    }

    [Theory]
    [InlineData("1KB", 1L << 10)]
    [InlineData("1.5gb", 3L << 29)]
    [InlineData("2TB", 2L << 40)]
    [InlineData("1PB", 1L << 50)]
    [InlineData("0x20000000", 0x20000000)]
    [InlineData("536870912", 536870912)]
    public void Sizes(string text, long bytes) =>
        Assert.Equal(bytes, Bind("New-VHD", "x.vhdx", "-SizeBytes", text).GetProperty("SizeBytes").GetInt64());

    [Fact]
    public void Common_parameters_travel_beside_the_others()
    {
        var call = Call(PipelineText.Split(["Remove-VM", "a", "-WhatIf", "-Confirm:$false", "-vb", "-ea", "SilentlyContinue"])[0]);
        var request = call.Request(interactive: false);
        Assert.True(request.WhatIf);
        Assert.False(request.Confirm);
        Assert.True(request.Verbose);
        Assert.Equal(ErrorAction.SilentlyContinue, call.ErrorAction);
        Assert.Single(request.Parameters.EnumerateObject());
    }

    [Fact]
    public void The_hosts_name_stays_with_the_client()
    {
        var call = Call(PipelineText.Split(["Get-VM", "a", "-ComputerName", "h1,h2"])[0]);
        Assert.Equal(["h1", "h2"], call.ComputerNames);
        Assert.False(call.Request(interactive: false).Parameters.TryGetProperty("ComputerName", out _));
    }

    [Fact]
    public void Mistakes_have_the_ids_of_the_original()
    {
        Assert.Equal("NamedParameterNotFound", Error("Get-VM", "-Nmae", "a"));
        Assert.Equal("AmbiguousParameter", Error("New-VM", "-NewVHD", "a"));
        Assert.Equal("MissingArgument", Error("Get-VM", "-Name"));
        Assert.Equal("MissingArgument", Error("Get-VM", "-Name", "-Verbose"));
        Assert.Equal("ParameterAlreadyBound", Error("Get-VM", "-Name", "a", "-VMName", "b"));
        Assert.Equal("PositionalParameterNotFound", Error("Get-VM", "a", "b"));
        Assert.Equal("MissingMandatoryParameter", Error("Stop-VM"));
        Assert.Equal("CannotConvertArgument", Error("New-VM", "-Name", "a", "-MemoryStartupBytes", "lots"));
        Assert.Equal("CannotConvertArgument", Error("Set-VM", "a", "-AutomaticStartAction", "Jump"));
        Assert.Equal("AmbiguousParameterSet", Error("New-VM", "-Name", "a", "-VHDPath", "x", "-NewVHDPath", "y", "-NewVHDSizeBytes", "1GB"));
        Assert.Equal("TerminatorExpectedAtEndOfString", Error("Get-VM 'a"));
        Assert.Equal("EmptyPipeElement", Error("Get-VM a |"));
    }

    [Theory]
    [InlineData(@"C:\d\a.vhdx", "/srv/d/a.vhdx")]
    [InlineData("d:/a.vhdx", "/srv/a.vhdx")]
    [InlineData(@"\\.\pipe\com1", "Unix socket")]
    public void A_path_of_Windows_is_refused_with_what_to_write(string path, string advice)
    {
        var error = Assert.Throws<CliException>(() => Bind("New-VHD", path, "-SizeBytes", "1GB"));
        Assert.Equal("InvalidParameter", error.ErrorId);
        Assert.Contains(advice, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_of_a_file_on_a_share_stays_as_it_is() =>
        Assert.Equal(@"\\files\share\a.vhdx", Bind("New-VHD", @"\\files\share\a.vhdx", "-SizeBytes", "1GB").GetProperty("Path")[0].GetString());

    [Fact]
    public void Only_the_words_of_a_set_are_accepted_whatever_the_kind()
    {
        Assert.Equal(4096, Bind("New-VHD", "a.vhdx", "-SizeBytes", "1GB", "-LogicalSectorSizeBytes", "4KB").GetProperty("LogicalSectorSizeBytes").GetInt32());
        Assert.Equal("CannotConvertArgument", Error("New-VHD", "a.vhdx", "-SizeBytes", "1GB", "-LogicalSectorSizeBytes", "1024"));
        Assert.Equal("Internal", Bind("New-VMSwitch", "a", "-SwitchType", "internal").GetProperty("SwitchType").GetString());
        Assert.Equal("CannotConvertArgument", Error("New-VMSwitch", "a", "-SwitchType", "External"));
    }
}
