using System.Globalization;
using Vireo.Disks.Files;
using Vireo.Platform.Memory;
using Vireo.Testing;

namespace Vireo.Disks.Tests.Smb;

/// <summary>A file on a share of a real server, looked at from below.</summary>
[Requirement("SB-1")]
public sealed class SmbImageFileTests(SambaFixture samba) : IClassFixture<SambaFixture>
{
    private const int SyncFlags = 0x101000; // O_SYNC
    private readonly SambaServer _server = samba.Server;

    [Fact]
    public async Task What_is_written_is_in_the_file_below_and_durable_when_it_is_answered()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var below = Path.Combine(_server.Folder, "größe 測試 😀.img");
        await File.WriteAllBytesAsync(below, []);
        var expected = new byte[5 << 20];
        using var buffer = new NativeBuffer(2 << 20);
        using (var file = SmbImageFile.Open(_server.Unc("größe 測試 😀.img"), readOnly: false))
        {
            Assert.StartsWith("SMB 3.1.1, signed with AES-GMAC", file.Protection, StringComparison.Ordinal);
            Assert.Equal(BlockStatus.Ok, file.SetLength(expected.Length));
            Assert.Contains(_server.Processes.SelectMany(OpenFiles), open => open.Path == below && (open.Flags & SyncFlags) == SyncFlags);
            for (var round = 0; round < 40; round++)
            {
                var length = random.Next(1, round % 4 == 0 ? buffer.LengthBytes : 20_000);
                var offset = random.Next(0, expected.Length - length);
                random.NextBytes(buffer.Span[..length]);
                buffer.Span[..length].CopyTo(expected.AsSpan(offset));
                var cut = random.Next(0, length);
                var vector = new IoVector(new[] { buffer.Segment.Slice(0, cut), buffer.Segment.Slice(cut, length - cut) }, length);
                Assert.Equal(BlockStatus.Ok, round % 3 == 0 ? file.Write(offset, buffer.Span[..length]) : await file.WriteAsync(offset, vector, 0, length));
            }

            Assert.Equal(BlockStatus.Ok, file.Zero(1 << 20, 100_000));
            expected.AsSpan(1 << 20, 100_000).Clear();
            Assert.Equal(BlockStatus.Ok, file.Flush());
            Assert.Equal(expected, await File.ReadAllBytesAsync(below));
            var found = new byte[expected.Length + 1000];
            Assert.Equal(BlockStatus.Ok, file.Read(0, found));
            Assert.Equal([.. expected, .. new byte[1000]], found);
            var whole = new IoVector(new[] { buffer.Segment }, buffer.LengthBytes);
            Assert.Equal(BlockStatus.Ok, await file.ReadAsync(4 << 20, whole, 512, buffer.LengthBytes - 512));
            Assert.Equal(expected.AsSpan(4 << 20), buffer.Span.Slice(512, 1 << 20));
            Assert.All(buffer.Span[(512 + (1 << 20))..].ToArray(), one => Assert.Equal(0, one));

            // Many at once, in any order.
            var all = Enumerable.Range(0, 64).Select(i => file.ReadAsync(i * 4096, whole, i * 4096, 4096).AsTask()).ToList();
            Assert.All(await Task.WhenAll(all), status => Assert.Equal(BlockStatus.Ok, status));
            Assert.Equal(expected.AsSpan(0, 64 * 4096), buffer.Span[..(64 * 4096)]);
            Assert.Equal(BlockStatus.Ok, file.SetLength(4096));
        }

        Assert.Equal(4096, new FileInfo(below).Length);
    }

    [Fact]
    public void Storage_is_given_back_where_nothing_is_any_more()
    {
        var below = Path.Combine(_server.Folder, "holes.img");
        File.WriteAllBytes(below, Enumerable.Repeat((byte)7, 4 << 20).ToArray());
        using var file = SmbImageFile.Open(_server.Unc("holes.img"), readOnly: false);
        Assert.Equal(4 << 20, file.MeasureRun(0, 4 << 20, out var isHole));
        Assert.False(isHole);
        Assert.Equal(BlockStatus.Ok, file.Discard(1 << 20, 2 << 20));
        Assert.InRange(long.Parse(Peer.Run("stat", "-c", "%b", below), CultureInfo.InvariantCulture) * 512, 1 << 20, 3 << 20);
        Assert.Equal(1 << 20, file.MeasureRun(0, 4 << 20, out isHole));
        Assert.False(isHole);
        Assert.Equal(2 << 20, file.MeasureRun(1 << 20, 3 << 20, out isHole));
        Assert.True(isHole);
        var found = new byte[4 << 20];
        Assert.Equal(BlockStatus.Ok, file.Read(0, found));
        Assert.Equal(2 << 20, found.Count(static one => one == 0));
    }

    [Fact]
    [Requirement("LM-3")]
    public void The_server_keeps_two_writers_apart()
    {
        var path = _server.Unc("shared.img");
        File.WriteAllBytes(Path.Combine(_server.Folder, "shared.img"), new byte[4096]);
        using (SmbImageFile.Open(path, readOnly: false))
        {
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => SmbImageFile.Open(path, readOnly: false)).Kind);
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => SmbImageFile.Open(path, readOnly: true)).Kind);
            Assert.True(SmbImageFile.IsInUse(path));
            using var look = SmbImageFile.Open(path, readOnly: true, takeLock: false);
            Assert.Equal(BlockStatus.Ok, look.Read(0, new byte[4096]));

            // Another program that knows nothing of us.
            Assert.NotEqual(0, Client("vms", $"put {Path.Combine(_server.Folder, "shared.img")} shared.img").ExitCode);
        }

        using (SmbImageFile.Open(path, readOnly: true))
        using (SmbImageFile.Open(path, readOnly: true))
        {
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => SmbImageFile.Open(path, readOnly: false)).Kind);
        }

        Assert.False(SmbImageFile.IsInUse(path));
        SmbImageFile.Open(path, readOnly: false).Dispose();
    }

    [Fact]
    public void A_new_file_is_there_whole_or_not_at_all()
    {
        var path = _server.Unc(@"new.img");
        using (var file = SmbImageFile.CreateUnpublished(path))
        {
            Assert.Equal(BlockStatus.Ok, file.Write(0, new byte[100]));
        }

        Assert.Empty(Directory.EnumerateFiles(_server.Folder, "*new.img*"));
        using (var file = SmbImageFile.CreateUnpublished(path))
        {
            Assert.Equal(BlockStatus.Ok, file.Write(0, new byte[100]));
            Assert.False(SmbImageFile.Exists(path));
            file.Publish(path);
        }

        Assert.Equal(100, new FileInfo(Path.Combine(_server.Folder, "new.img")).Length);
        using (var file = SmbImageFile.CreateUnpublished(path))
        {
            Assert.Equal(ImageErrorKind.AlreadyExists, Assert.Throws<ImageException>(() => file.Publish(path)).Kind);
        }

        Assert.Equal(100, new FileInfo(Path.Combine(_server.Folder, "new.img")).Length);
        SmbImageFile.Delete(path);
        SmbImageFile.Delete(path);
        Assert.Empty(Directory.EnumerateFiles(_server.Folder, "*new.img*"));
    }

    [Theory]
    [InlineData("missing.img", ImageErrorKind.NotFound)]
    [InlineData(@"no folder\a.img", ImageErrorKind.NotFound)]
    [InlineData(@"..\state\passdb.tdb", ImageErrorKind.InvalidParameter)]
    [InlineData(@"a\..\..\state\passdb.tdb", ImageErrorKind.InvalidParameter)]
    [InlineData("a.img:stream", ImageErrorKind.InvalidParameter)]
    [InlineData("folder", ImageErrorKind.InvalidParameter)]
    public void What_cannot_be_opened_is_refused_by_name(string name, ImageErrorKind kind)
    {
        Directory.CreateDirectory(Path.Combine(_server.Folder, "folder"));
        var refused = Assert.Throws<ImageException>(() => SmbImageFile.Open(_server.Unc(name), readOnly: false));
        Assert.Equal(kind, refused.Kind);
        Assert.Contains(_server.Unc(name), refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_share_or_server_that_is_not_there_is_named()
    {
        Assert.Equal(ImageErrorKind.NotFound, Assert.Throws<ImageException>(() => SmbImageFile.Open($@"\\{_server.Address}\other\a.img", readOnly: false)).Kind);
        var unknown = Assert.Throws<ImageException>(() => SmbImageFile.Open(@"\\unknown.invalid\share\a.img", readOnly: false));
        Assert.Equal(ImageErrorKind.AccessDenied, unknown.Kind);
        Assert.Contains("no login", unknown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_share_that_wants_encryption_is_spoken_to_so()
    {
        File.WriteAllBytes(Path.Combine(_server.SecretFolder, "a.img"), new byte[1 << 20]);
        using var file = SmbImageFile.Open($@"\\{_server.Address}\secret\a.img", readOnly: false);
        Assert.Equal("SMB 3.1.1, encrypted with Aes128Gcm", file.Protection);
        var written = Enumerable.Range(0, 300_000).Select(static i => (byte)(i * 7)).ToArray();
        Assert.Equal(BlockStatus.Ok, file.Write(12345, written));
        var found = new byte[written.Length];
        Assert.Equal(BlockStatus.Ok, file.Read(12345, found));
        Assert.Equal(written, found);
        Assert.Equal(written, File.ReadAllBytes(Path.Combine(_server.SecretFolder, "a.img")).AsSpan(12345, written.Length).ToArray());
    }

    private PeerResult Client(string share, string command) =>
        Peer.TryRun("smbclient", $"//{_server.Address}/{share}", "-m", "SMB3", "-U", $"{SambaServer.User}%{_server.Password}", "-c", command);

    private static List<(string Path, int Flags)> OpenFiles(int process)
    {
        var found = new List<(string, int)>();
        try
        {
            foreach (var link in Directory.EnumerateFiles($"/proc/{process}/fd"))
            {
                if (new FileInfo(link).LinkTarget is { } target && target.StartsWith('/'))
                {
                    var flags = File.ReadLines($"/proc/{process}/fdinfo/{Path.GetFileName(link)}").First(static line => line.StartsWith("flags:", StringComparison.Ordinal));
                    found.Add((target, Convert.ToInt32(flags[6..].Trim(), 8)));
                }
            }
        }
        catch (IOException)
        {
            // A process of an earlier connection, which has ended, or a file that it has closed.
        }

        return found;
    }
}
