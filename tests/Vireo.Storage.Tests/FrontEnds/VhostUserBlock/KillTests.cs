using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Testing;

namespace Vireo.Storage.Tests.FrontEnds.VhostUserBlock;

/// <summary>The storage server is killed under a guest that writes: nothing is lost, no request is forgotten, none is answered twice.</summary>
public sealed class KillTests
{
    private const int Pages = 512;

    [Theory]
    [InlineData("blk.request.begun")]
    [InlineData("blk.request.done")]
    [InlineData("vhost.used.entry")]
    [InlineData("vhost.used.published")]
    [InlineData("vhost.inflight.ended")]
    public void KilledAtANamedPoint(string point)
    {
        using var folder = new TempFolder();
        ImageFile.CreateRaw(folder["disk.raw"], Pages * 4096, reserve: false);
        using var stream = new CheckedStream(folder["disk.raw"], folder["s"], Pages, seed: point.Length);
        stream.StartServer($"{point}:10");
        stream.Write(300);
        stream.Verify();
        Assert.Equal(1, stream.Deaths);
        Assert.Equal(300, stream.Answers);
    }

    [Fact]
    public void KilledAgainAndAgainAtAnyMoment()
    {
        const int seed = 991;
        using var folder = new TempFolder();
        ImageFile.Create(folder["disk.vhdx"], new VhdxCreate(64 << 20, IsFixed: false, BlockSizeBytes: 1 << 20));
        using var stream = new CheckedStream(folder["disk.vhdx"], folder["s"], Pages, seed);
        stream.StartServer();
        var random = new Random(seed);
        for (var round = 0; round < 5; round++)
        {
            stream.Write(random.Next(20, 200));
            stream.Kill();
        }

        stream.Write(50);
        stream.Verify();
        Assert.Equal(5, stream.Deaths);
    }

    [Fact]
    public void EightQueues_AllInUse_LoseNothingWhenKilled()
    {
        const int queues = 8;
        const int seed = 1789;
        using var folder = new TempFolder();
        ImageFile.Create(folder["disk.vhdx"], new VhdxCreate(64 << 20, IsFixed: false, BlockSizeBytes: 1 << 20));
        using var stream = new CheckedStream(folder["disk.vhdx"], folder["s"], 8 * Pages, seed, queues);
        stream.StartServer();
        for (var round = 0; round < 2; round++)
        {
            stream.Write(1200);
            stream.Kill();
        }

        stream.Write(1200);
        stream.Verify();
        Assert.Equal(2, stream.Deaths);
        Assert.All(stream.AnswersByQueue, answers => Assert.Equal(3600 / queues, answers));
    }
}
