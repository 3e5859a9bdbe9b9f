using Vireo.Disks.Files;
using Vireo.Platform.Memory;
using Vireo.Testing;

namespace Vireo.Disks.Tests.Smb;

/// <summary>Servers of other versions, servers that go away, and passwords that are wrong.</summary>
[Requirement("SB-1")]
public sealed class LostServerTests
{
    [Fact]
    [Requirement("SB-2")]
    public async Task A_server_that_was_killed_and_comes_back_is_gone_on_with_and_nothing_is_lost()
    {
        using var server = TestLogins.Start("server max protocol = SMB3_02");
        var below = Path.Combine(server.Folder, "a.img");
        await File.WriteAllBytesAsync(below, new byte[1 << 20]);
        using var buffer = new NativeBuffer(1 << 20);
        buffer.Span.Fill(1);
        var whole = new IoVector(new[] { buffer.Segment }, buffer.LengthBytes);
        using (var file = SmbImageFile.Open(server.Unc("a.img"), readOnly: false))
        {
            Assert.Equal("SMB 3.0.2, signed with AES-CMAC", file.Protection);
            Assert.Equal(BlockStatus.Ok, await file.WriteAsync(0, whole, 0, 4096));
            server.Kill();
            var writes = Enumerable.Range(1, 20).Select(i => file.WriteAsync(i * 8192, whole, i * 4096, 4096).AsTask()).ToList();
            server.Start();
            Assert.All(await Task.WhenAll(writes), status => Assert.Equal(BlockStatus.Ok, status));
            Assert.Equal(BlockStatus.Ok, file.Flush());

            // It is locked as before.
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => SmbImageFile.Open(server.Unc("a.img"), readOnly: false)).Kind);
            Assert.Equal(21 * 4096, (await File.ReadAllBytesAsync(below)).Count(static one => one == 1));

            // A file that has become shorter meanwhile is not this one any more.
            server.Kill();
            await File.WriteAllBytesAsync(below, new byte[4096]);
            server.Start();
            Assert.Equal(BlockStatus.IoError, await file.WriteAsync(0, whole, 0, 4096));
            Assert.Equal(BlockStatus.IoError, file.Read(0, new byte[512]));
            Assert.Equal(BlockStatus.IoError, file.Flush());
        }

        Assert.Equal(4096, new FileInfo(below).Length);
        Assert.All(await File.ReadAllBytesAsync(below), one => Assert.Equal(0, one));
        TestLogins.Set(server, "wrong");
        var refused = Assert.Throws<ImageException>(() => SmbImageFile.Open(server.Unc("a.img"), readOnly: true));
        Assert.Equal(ImageErrorKind.AccessDenied, refused.Kind);
        Assert.DoesNotContain("wrong", refused.ToString(), StringComparison.Ordinal);
        TestLogins.Set(server, server.Password, encrypt: true);
        using var encrypted = SmbImageFile.Open(server.Unc("a.img"), readOnly: true);
        Assert.Equal("SMB 3.0.2, encrypted with Aes128Ccm", encrypted.Protection);
        Assert.Equal(BlockStatus.Ok, encrypted.Read(0, new byte[4096]));
    }
}
