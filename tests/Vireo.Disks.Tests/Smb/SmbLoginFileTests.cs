using Vireo.Smb;
using Vireo.Testing;

namespace Vireo.Disks.Tests.Smb;

/// <summary>The file with the logins of a host.</summary>
public sealed class SmbLoginFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string File => _folder["smb.json"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Requirement("SB-1")]
    public void A_login_for_the_share_goes_before_one_for_the_server()
    {
        Write("""
            {"version":1,"servers":[{"server":"files","user":"FILES\\one","password":"a"},{"server":"Files","share":"secret","user":"two","password":"b","encrypt":true}]}
            """);
        Assert.Equal(new SmbLogin("one", "FILES", "a"), new SmbLoginFile(File).Find("FILES", "vms"));
        Assert.Equal(new SmbLogin("two", "", "b", Encrypt: true), new SmbLoginFile(File).Find("files", "SECRET"));
        Assert.Equal(SmbErrorKind.LoginMissing, Assert.Throws<SmbException>(() => new SmbLoginFile(File).Find("other", "vms")).Kind);
    }

    [Theory]
    [InlineData("""{"version":2,"servers":[{"server":"files","user":"one","password":"hidden"}]}""")]
    [InlineData("""{"version":1,"servers":[null,{"server":"files","user":"one","password":"hidden"}]}""")]
    [InlineData("""{"version":1,"servers":[{"server":"files","user":"","password":"hidden"}]}""")]
    [InlineData("""{"version":1,"servers":[{"server":"files","user":"one"}]}""")]
    [InlineData("""{"version":1}""")]
    [InlineData("""hidden""")]
    [InlineData("")]
    public void A_file_that_makes_no_sense_is_refused_without_showing_what_is_in_it(string content)
    {
        Write(content);
        var refused = Assert.Throws<SmbException>(() => new SmbLoginFile(File).Find("files", "vms"));
        Assert.Equal(SmbErrorKind.LoginMissing, refused.Kind);
        Assert.DoesNotContain("hidden", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_others_may_read_is_refused()
    {
        Write("""{"version":1,"servers":[{"server":"files","user":"one","password":"a"}]}""");
        System.IO.File.SetUnixFileMode(File, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.Contains("chmod 600", Assert.Throws<SmbException>(() => new SmbLoginFile(File).Find("files", "vms")).Message, StringComparison.Ordinal);
    }

    private void Write(string content)
    {
        System.IO.File.WriteAllText(File, content);
        System.IO.File.SetUnixFileMode(File, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
