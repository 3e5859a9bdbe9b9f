using System.Diagnostics;
using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Storage.Plane;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>One image served in the foreground, without a plane.</summary>
public sealed class StandaloneTests
{
    [Theory]
    [InlineData("--layer", "pass", "--layer", "meter")]
    [InlineData("--direct")]
    [InlineData("--format", "vhdx", "--layer", "delay=milliseconds:1,operations:Read,Flush")]
    public async Task Image_IsServedWithWhatWasAsked_AndClosedCleanly(params string[] options)
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(64 << 20, IsFixed: false));
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "vireo-storage"), ["serve", folder["a.vhdx"], "--socket", folder["s"], .. options])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var server = Process.Start(start)!;
        try
        {
            await Wait.UntilAsync("the server listens", () => File.Exists(folder["s"]) || server.HasExited);
            var output = Peer.Run(
                "qemu-io", "-f", "raw", "-c", "write -P 0x37 5M 1M", "-c", "flush", "-c", "read -P 0x37 5M 1M", "-c", "read -P 0 9M 64k", $"nbd+unix:///?socket={folder["s"]}");
            Assert.DoesNotContain("verification failed", output, StringComparison.OrdinalIgnoreCase);
            Peer.Run("kill", server.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
            var told = await server.StandardOutput.ReadToEndAsync();
            await server.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token);
            Assert.Equal(0, server.ExitCode);
            if (options.Contains("meter"))
            {
                Assert.Contains("meter-1 bytesWritten 1048576", told, StringComparison.Ordinal);
            }
        }
        finally
        {
            if (!server.HasExited)
            {
                server.Kill();
                server.WaitForExit();
            }
        }

        Assert.False(File.Exists(folder["s"]));
        Peer.Run("qemu-img", "check", "-f", "vhdx", folder["a.vhdx"]);
    }

    [Theory]
    [InlineData("an image is missing", "--socket", "s")]
    [InlineData("--socket is missing", "a.vhdx")]
    [InlineData("there is no option '--fast'", "a.vhdx", "--socket", "s", "--fast")]
    [InlineData("'--socket' needs a value", "a.vhdx", "--socket")]
    [InlineData("'b.vhdx' is one image too many", "a.vhdx", "b.vhdx", "--socket", "s")]
    [InlineData("there is no format 'qcow2'", "a.vhdx", "--socket", "s", "--format", "qcow2")]
    [InlineData("'9' queues", "a.vhdx", "--socket", "s", "--vhost-user", "--queues", "9")]
    [InlineData("choose one", "a.vhdx", "--socket", "s", "--file", "f", "--device")]
    [InlineData("--device shows what is served over NBD", "a.vhdx", "--socket", "s", "--device", "--vhost-user")]
    [InlineData("--file shows what is served over NBD", "a.vhdx", "--socket", "s", "--file", "f", "--vhost-user")]
    [InlineData("write delay=SETTING:VALUE", "a.vhdx", "--socket", "s", "--layer", "delay=5")]
    public void WrongArguments_AreNamed(string reason, params string[] arguments) =>
        Assert.Contains(reason, Assert.Throws<FormatException>(() => ServeArguments.Parse(arguments)).Message, StringComparison.Ordinal);

    [Fact]
    public void WrongLayer_IsNamed_AndNothingIsLeft()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(8 << 20, IsFixed: false));
        var result = Peer.TryRun(Path.Combine(AppContext.BaseDirectory, "vireo-storage"), "serve", folder["a.vhdx"], "--socket", folder["s"], "--layer", "magic");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("no kind of layer called 'magic'", result.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["s"]));
    }
}
