using Vireo.Platform.Files;
using Vireo.Testing;

namespace Vireo.Disks.Tests.Smb;

/// <summary>Paths of files on shares.</summary>
public sealed class UncPathTests
{
    [Fact]
    [Requirement("SB-1")]
    public void A_path_is_server_share_and_name()
    {
        var path = UncPath.Parse(@"\\files.example.com\vms\größe 測試\disk 1.vhdx");
        Assert.Equal(("files.example.com", "vms", @"größe 測試\disk 1.vhdx", "disk 1.vhdx", "größe 測試"), (path.Server, path.Share, path.Name, path.FileName, path.FolderName));
        Assert.Equal(@"\\files.example.com\vms\größe 測試\disk 1.vhdx", path.ToString());
        Assert.Null(UncPath.Parse(@"\\10.0.0.1\vms\a.vhdx").FolderName);
    }

    [Theory]
    [InlineData(@"\\server")]
    [InlineData(@"\\server\")]
    [InlineData(@"\\server\share\")]
    [InlineData(@"\\server\share\..\secret.vhdx")]
    [InlineData(@"\\server\share\a\..\..\..\x")]
    [InlineData(@"\\server\share\.\a")]
    [InlineData(@"\\server\..\a")]
    [InlineData(@"\\server\share\a\\b")]
    [InlineData(@"\\server\share\a/../b")]
    [InlineData(@"\\server\share\a.vhdx:stream")]
    [InlineData(@"\\server\share\a.vhdx.")]
    [InlineData(@"\\server\share\a ")]
    [InlineData(@"\\server\share\a*")]
    [InlineData("\\\\server\\share\\a\0b")]
    [InlineData("\\\\server\\share\\a\nb")]
    [InlineData(@"\\?\C:\a")]
    [InlineData(@"\\.\pipe\a")]
    [InlineData(@"\\ser ver\share\a")]
    [InlineData(@"\\user@server\share\a")]
    [InlineData(@"\\-server\share\a")]
    [InlineData("/server/share/a")]
    public void What_could_mean_something_else_is_no_path(string text)
    {
        Assert.False(UncPath.TryParse(text, out _, out var problem));
        Assert.NotEmpty(problem);
    }

    [Fact]
    public void Half_a_character_is_no_part_of_a_name() => Assert.False(UncPath.TryParse("\\\\server\\share\\a\ud800b", out _, out _));

    [Theory]
    [InlineData(@"\\s\x\a\child.vhdx", @"\\s\x\a\parent.vhdx", @".\parent.vhdx")]
    [InlineData(@"\\s\x\a\child.vhdx", @"\\S\X\b\c\parent.vhdx", @"..\b\c\parent.vhdx")]
    [InlineData(@"\\s\x\child.vhdx", @"\\s\x\b\parent.vhdx", @".\b\parent.vhdx")]
    [InlineData(@"\\s\x\a\b\child.vhdx", @"\\s\x\parent.vhdx", @"..\..\parent.vhdx")]
    [InlineData(@"\\s\x\child.vhdx", @"\\s\y\parent.vhdx", null)]
    public void A_parent_is_named_from_its_child_and_found_so(string child, string parent, string? relative)
    {
        Assert.Equal(relative, UncPath.Parse(child).RelativeTo(UncPath.Parse(parent)));
        if (relative is not null)
        {
            Assert.True(UncPath.AreSame(parent, UncPath.Parse(child).Beside(relative)!.ToString()));
        }
    }

    [Fact]
    public void Nothing_leads_out_of_a_share()
    {
        Assert.Null(UncPath.Parse(@"\\s\x\a\child.vhdx").Beside(@"..\..\parent.vhdx"));
        Assert.Null(UncPath.Parse(@"\\s\x\child.vhdx").Beside(@"..\y\parent.vhdx"));
        Assert.Null(UncPath.Parse(@"\\s\x\child.vhdx").Beside("a:b"));
    }
}
