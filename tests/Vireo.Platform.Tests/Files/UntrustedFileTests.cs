using Vireo.Platform.Files;
using Vireo.Testing;

namespace Vireo.Platform.Tests.Files;

/// <summary>Whatever somebody else puts at a name, only a plain file of that name is opened.</summary>
public sealed class UntrustedFileTests
{
    [Fact]
    public void A_plain_file_is_read_and_written()
    {
        using var folder = new TempFolder();
        Assert.Null(UntrustedFile.TryOpen(folder["log"]));
        File.WriteAllText(folder["log"], "words");
        using (var stream = UntrustedFile.TryOpen(folder["log"], writable: true)!)
        {
            stream.SetLength(2);
        }

        Assert.Equal("wo", File.ReadAllText(folder["log"]));
    }

    [Fact]
    public void Links_pipes_folders_and_second_names_are_left_alone()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["secret"], "secret");
        File.CreateSymbolicLink(folder["link"], folder["secret"]);
        Peer.Run("ln", folder["secret"], folder["second"]);
        Peer.Run("mkfifo", folder["pipe"]);
        Directory.CreateDirectory(folder["folder"]);
        foreach (var name in new[] { "link", "second", "pipe", "folder" })
        {
            Assert.Null(UntrustedFile.TryOpen(folder[name]));
            Assert.Null(UntrustedFile.TryOpen(folder[name], writable: true));
        }

        // Replacing takes the name, and leaves alone what it led to.
        Assert.True(UntrustedFile.TryReplace(folder["link"], "mine"u8));
        Assert.True(UntrustedFile.TryReplace(folder["second"], "mine"u8));
        Assert.Equal("mine", File.ReadAllText(folder["link"]));
        Assert.Equal("secret", File.ReadAllText(folder["secret"]));
    }

    [Fact]
    [Requirement("IM-3")]
    public void Only_a_regular_file_is_read_whole_and_no_pipe_is_waited_for()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["file"], "words");
        File.CreateSymbolicLink(folder["link"], folder["file"]);
        Peer.Run("mkfifo", folder["pipe"]);
        Directory.CreateDirectory(folder["folder"]);
        Assert.Equal("words"u8.ToArray(), RegularFile.ReadAllBytes(folder["link"], 5));
        Assert.Throws<IOException>(() => RegularFile.ReadAllBytes(folder["file"], 4));
        foreach (var name in new[] { "pipe", "folder" })
        {
            Assert.Contains("no regular file", Assert.Throws<IOException>(() => RegularFile.ReadAllBytes(folder[name], 4096)).Message, StringComparison.Ordinal);
        }

        Assert.Throws<FileNotFoundException>(() => RegularFile.ReadAllBytes(folder["none"], 4096));
        Assert.Throws<FileNotFoundException>(() => RegularFile.ReadAllBytes(folder["file/below"], 4096));
    }
}
