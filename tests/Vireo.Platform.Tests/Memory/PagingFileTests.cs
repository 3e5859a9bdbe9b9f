using Vireo.Platform.Files;
using Vireo.Platform.Memory;
using Vireo.Platform.Processes;
using Vireo.Testing;

namespace Vireo.Platform.Tests.Memory;

public sealed class PagingFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Requirement("DM-4")]
    public async Task A_file_is_what_the_systems_own_tools_make()
    {
        var path = _folder["a file.slp"];
        File.WriteAllText(path, "left over");
        PagingFile.Create(path, (3 << 20) + 1, "vireo 512 MB");
        Assert.Equal("vireo 512 MB", PagingFile.ReadLabel(path));
        var pages = (3 << 20) / Environment.SystemPageSize + 2;
        Assert.Equal(new FileRoom((long)pages * Environment.SystemPageSize, FileRoom.Of(path)!.Value.Allocated), FileRoom.Of(path));
        Assert.InRange(FileRoom.Of(path)!.Value.Allocated, (long)pages * Environment.SystemPageSize, long.MaxValue);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));

        var seen = await ProgramRunner.RunAsync("/sbin/blkid", ["-p", "-s", "TYPE", "-s", "LABEL", "-s", "VERSION", path], TimeSpan.FromMinutes(1));
        Assert.Contains("LABEL=\"vireo 512 MB\"", seen!.Output, StringComparison.Ordinal);
        Assert.Contains("VERSION=\"1\"", seen.Output, StringComparison.Ordinal);
        Assert.Contains("TYPE=\"swap\"", seen.Output, StringComparison.Ordinal);

        File.WriteAllBytes(path, new byte[8192]);
        Assert.Null(PagingFile.ReadLabel(path));
        File.WriteAllBytes(path, [1, 2, 3]);
        Assert.Null(PagingFile.ReadLabel(path));
    }

    [FactNeeds(Need.PagingFiles)]
    [Requirement("DM-4")]
    public void The_kernel_uses_a_file_and_lets_go_of_it()
    {
        var path = _folder["a file.slp"];
        PagingFile.Create(path, 1 << 20, "");
        PagingFile.TurnOn(path);
        try
        {
            Assert.Equal(1 << 20, Assert.Single(PagingFile.List(), one => one.Path == path).Bytes);
        }
        finally
        {
            PagingFile.TurnOff(path);
        }

        Assert.DoesNotContain(PagingFile.List(), one => one.Path == path);
        Assert.Contains(path, Assert.Throws<IOException>(() => PagingFile.TurnOff(path)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(path, new byte[1 << 20]);
        Assert.Contains(path, Assert.Throws<IOException>(() => PagingFile.TurnOn(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_kernel_lists_is_read_whatever_it_is()
    {
        var list = PagingFile.Parse(
        [
            "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority",
            "/dev/dm-1                               partition\t999420\t\t12\t\t-2",
            "/srv/gr\\303\\274n/a\\040b.slp file 262140 0 32767",
            "/half",
            "/odd\\04 file x -1 0",
        ]);
        Assert.Equal(
            [new("/dev/dm-1", 999420L << 10, 12 << 10), new("/srv/gr\u00fcn/a b.slp", 262140L << 10, 0), new("/odd\\04", 0, 0)], list);
    }
}
