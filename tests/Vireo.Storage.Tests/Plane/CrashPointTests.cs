using System.Globalization;
using System.Text.RegularExpressions;
using Vireo.Control.Storage;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>The plane is killed at each named point of a metadata update while a client writes; what it had told the client was written is there afterwards.</summary>
public sealed partial class CrashPointTests
{
    private const int Writes = 40;

    [Theory]
    [Requirement("VD-3")]
    [InlineData("vhdx.header.written:1")]
    [InlineData("vhdx.log.written:1")]
    [InlineData("vhdx.log.written:2")]
    [InlineData("vhdx.log.written:17")]
    [InlineData("vhdx.table.written:1")]
    [InlineData("vhdx.table.written:3")]
    public async Task KilledInAMetadataUpdate_KeepsEveryWriteThatCompleted(string crashPoint)
    {
        using var folder = new TempFolder();
        var attachment = new DiskAttachment(Guid.NewGuid(), folder["a.vhdx"], ReadOnly: false, FrontEndKind.Nbd, folder["a.sock"]);
        var uri = $"nbd+unix:///?socket={attachment.SocketPath}";
        List<int> completed;
        using (var plane = await StorageProcess.StartAsync(folder.Path, crashPoint))
        {
            await plane.Client.CreateImageAsync(new CreateImage(attachment.Path, ImageFormat.Vhdx, ImageType.Dynamic, Writes << 20, 1 << 20));
            await plane.Client.OpenDiskAsync(attachment);

            // One write a block, so that each needs an update; some flushes in between.
            List<string> arguments = ["-f", "raw"];
            for (var i = 0; i < Writes; i++)
            {
                arguments.AddRange(["-c", $"write -P {i + 1} {i}M 64k"]);
                if (i % 5 == 4)
                {
                    arguments.AddRange(["-c", "flush"]);
                }
            }

            var result = Peer.TryRun("qemu-io", [.. arguments, uri]);
            completed = [.. Wrote().Matches(result.Output).Select(match => (int)(long.Parse(match.Groups["offset"].Value, CultureInfo.InvariantCulture) >> 20))];
            plane.WaitForExit();
        }

        Assert.InRange(completed.Count, 0, Writes - 1);
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            Assert.Empty((await plane.Client.GetHealthAsync()).Failures);
            if (completed.Count > 0)
            {
                var output = Peer.Run("qemu-io", ["-r", "-f", "raw", .. completed.SelectMany(block => new[] { "-c", $"read -P {block + 1} {block}M 64k" }), uri]);
                Assert.DoesNotContain("verification failed", output, StringComparison.OrdinalIgnoreCase);
                Assert.Equal(completed.Count, Regex.Count(output, "read 65536/65536", RegexOptions.None, TimeSpan.FromSeconds(1)));
            }

            Assert.Equal(0, plane.Stop());
        }

        Peer.Run("qemu-img", "check", "-f", "vhdx", attachment.Path);
    }

    [GeneratedRegex(@"wrote 65536/65536 bytes at offset (?<offset>\d+)", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex Wrote();
}
