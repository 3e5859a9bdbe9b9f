using System.Buffers.Binary;
using System.Text;
using Vireo.Disks;
using Vireo.Testing.Vhost;

namespace Vireo.Storage.Tests.FrontEnds.VhostUserBlock;

/// <summary>A guest's requests reach the disk and come back, by a mock driver over a real socket.</summary>
public sealed class BlockRequestTests
{
    private const int DiskBytes = 16 << 20;

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task WhatIsWrittenIsReadBack(bool indirect, bool late)
    {
        var image = new MemoryBlockDevice(DiskBytes);
        await using var fixture = BlockFixture.Create(late ? new LateDevice(image) : image);
        var driver = fixture.Driver(indirect: indirect);
        var data = new byte[8192];
        new Random(1).NextBytes(data);
        Assert.Equal(0, driver.Do(MockBlockDriver.Write, 100, data));
        Assert.Equal(0, driver.Do(MockBlockDriver.Flush, 0));
        Assert.Equal(data, image.Content.Slice(100 * 512, data.Length).ToArray());
        var read = new byte[8192];
        Assert.Equal(0, driver.Do(MockBlockDriver.Read, 100, read));
        Assert.Equal(data, read);
        Assert.Equal((1, 1, 8192, 8192), (fixture.FrontEnd.Counters.Reads, fixture.FrontEnd.Counters.Writes, fixture.FrontEnd.Counters.BytesRead, fixture.FrontEnd.Counters.BytesWritten));
    }

    [Fact]
    public async Task ManyRequestsOfTwoQueuesCompleteInAnyOrder()
    {
        const int seed = 4711;
        var image = new MemoryBlockDevice(DiskBytes);
        await using var fixture = BlockFixture.Create(new LateDevice(image));
        MockBlockDriver[] drivers = [fixture.Driver(0, dataBytes: 4096), fixture.Driver(1, dataBytes: 4096, indirect: true)];
        var random = new Random(seed);
        var expected = new byte[DiskBytes];
        for (var round = 0; round < 50; round++)
        {
            foreach (var driver in drivers)
            {
                // Each driver has its half of the disk, and within a round no two requests overlap.
                var pages = Enumerable.Range(0, 512).OrderBy(_ => random.Next()).Take(16).ToArray();
                foreach (var page in pages)
                {
                    var offset = (Array.IndexOf(drivers, driver) * 2048 * 4096) + (page * 4096);
                    var request = driver.Take();
                    random.NextBytes(driver.Data(request, 4096));
                    driver.Data(request, 4096).CopyTo(expected.AsSpan(offset));
                    driver.Send(request, MockBlockDriver.Write, (ulong)offset / 512, 4096);
                }

                driver.Queue.Kick();
            }

            foreach (var driver in drivers)
            {
                for (var i = 0; i < 16; i++)
                {
                    var done = driver.Wait();
                    Assert.Equal(0, done.Status);
                    driver.Return(done);
                }
            }
        }

        Assert.True(image.Content.SequenceEqual(expected), $"seed {seed}");
    }

    [Fact]
    public async Task ZeroesAndDiscardsTakeSeveralRanges()
    {
        var image = new MemoryBlockDevice(DiskBytes);
        image.Content.Fill(0x55);
        await using var fixture = BlockFixture.Create(new LateDevice(image));
        var driver = fixture.Driver();
        Assert.Equal(0, driver.Do(MockBlockDriver.WriteZeroes, 0, Ranges((8, 8, 0), (32, 16, 1))));
        Assert.Equal(0x55, image.Content[(8 * 512) - 1]);
        Assert.True(image.Content.Slice(8 * 512, 8 * 512).IndexOfAnyExcept((byte)0) < 0);
        Assert.Equal(0x55, image.Content[16 * 512]);
        Assert.True(image.Content.Slice(32 * 512, 16 * 512).IndexOfAnyExcept((byte)0) < 0);
        Assert.Equal(0, driver.Do(MockBlockDriver.Discard, 0, Ranges((64, 8, 0))));
    }

    [Fact]
    public async Task RequestsThatMakeNoSenseFailAndTheNextOnesWork()
    {
        const byte ioError = 1;
        const byte unsupported = 2;
        await using var fixture = BlockFixture.Create(new MemoryBlockDevice(DiskBytes));
        var driver = fixture.Driver();
        var sector = new byte[512];
        Assert.Equal(ioError, driver.Do(MockBlockDriver.Read, DiskBytes / 512, sector));
        Assert.Equal(ioError, driver.Do(MockBlockDriver.Write, ulong.MaxValue, sector));
        Assert.Equal(ioError, driver.Do(MockBlockDriver.Write, ulong.MaxValue / 512, sector));
        Assert.Equal(ioError, driver.Do(MockBlockDriver.Read, 0, new byte[100]));
        Assert.Equal(unsupported, driver.Do(77, 0, sector));
        Assert.Equal(unsupported, driver.Do(MockBlockDriver.Discard, 0, Ranges((0, 8, 1))));
        Assert.Equal(unsupported, driver.Do(MockBlockDriver.WriteZeroes, 0, Ranges((0, 8, 4))));
        Assert.Equal(unsupported, driver.Do(MockBlockDriver.Discard, 0, new byte[15]));
        Assert.Equal(ioError, driver.Do(MockBlockDriver.WriteZeroes, 0, Ranges((DiskBytes / 512, 8, 0))));
        Assert.Equal(0, driver.Do(MockBlockDriver.Read, 0, sector));
    }

    [Fact]
    public async Task ServingARequestAllocatesNothing()
    {
        const int requests = 20_000;
        await using var fixture = BlockFixture.Create(new MemoryBlockDevice(DiskBytes));
        var driver = fixture.Driver(indirect: true);
        Run(driver, requests / 10);
        var before = await fixture.FrontEnd.Reactor.InvokeAsync(GC.GetAllocatedBytesForCurrentThread);
        Run(driver, requests);
        var after = await fixture.FrontEnd.Reactor.InvokeAsync(GC.GetAllocatedBytesForCurrentThread);

        // Asking the reactor allocates a little itself.
        Assert.InRange(after - before, 0, 2048);
    }

    [Fact]
    public async Task ARequestWithoutRoomForItsStatusBreaksOnlyItsQueue()
    {
        await using var fixture = BlockFixture.Create(new MemoryBlockDevice(DiskBytes));
        var broken = fixture.Driver(0);
        var sound = fixture.Driver(1);
        broken.Queue.Add(new MockBuffer(fixture.Memory.Allocate(16), 16, false));
        broken.Queue.Kick();
        Assert.True(broken.Queue.WaitError());
        Assert.Equal(0, sound.Do(MockBlockDriver.Read, 0, new byte[512]));
    }

    [Fact]
    public async Task TheConfigurationTellsSizeAndSectorsAndTheIdIsTheDisks()
    {
        await using var fixture = BlockFixture.Create(new MemoryBlockDevice(DiskBytes, 512), queues: 3);
        var config = fixture.Guest.GetConfig(0, 60);
        Assert.Equal(DiskBytes / 512, BinaryPrimitives.ReadInt64LittleEndian(config));
        Assert.Equal(512, BinaryPrimitives.ReadInt32LittleEndian(config.AsSpan(20)));
        Assert.Equal(3, config[24]); // 4096 / 512 as an exponent
        Assert.Equal(3, BinaryPrimitives.ReadInt16LittleEndian(config.AsSpan(34)));
        Assert.Equal(3UL, fixture.Guest.Ask(17).Number);
        var id = new byte[20];
        Assert.Equal(0, fixture.Driver().Do(MockBlockDriver.GetId, 0, id));
        Assert.Equal("00112233445566778899", Encoding.ASCII.GetString(id));
    }

    private static void Run(MockBlockDriver driver, int requests)
    {
        for (var sent = 0; sent < requests; sent += 16)
        {
            for (var i = 0; i < 16; i++)
            {
                driver.Send(driver.Take(), i % 2 == 0 ? MockBlockDriver.Read : MockBlockDriver.Write, (ulong)(i * 8), 4096);
            }

            driver.Queue.Kick();
            for (var i = 0; i < 16; i++)
            {
                driver.Return(driver.Wait());
            }
        }
    }

    private static byte[] Ranges(params (ulong Sector, uint Sectors, uint Flags)[] ranges)
    {
        var bytes = new byte[ranges.Length * 16];
        for (var i = 0; i < ranges.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * 16), ranges[i].Sector);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan((i * 16) + 8), ranges[i].Sectors);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan((i * 16) + 12), ranges[i].Flags);
        }

        return bytes;
    }
}
