using System.Buffers.Binary;
using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Storage.Layers;
using Vireo.Storage.Stacks;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Storage.Tests.Stacks;

/// <summary>A counting layer is put in and taken out while threads write and verify: no request is lost, none is counted twice.</summary>
public sealed class SpliceUnderLoadTests(ITestOutputHelper output)
{
    private const int Workers = 4;
    private const int SlotBytes = 64 << 10;
    private const int SlotsPerWorker = 32;

    [Fact]
    public async Task LayersComeAndGoUnderLoad_DataVerifies_CountsAgree()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(Workers * SlotsPerWorker * SlotBytes, IsFixed: false, 1 << 20));
        var violations = new List<LayerViolation>();
        await using var stack = new DiskStack(ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions()), "a.vhdx", violations.Add);
        var always = new MeterLayer("always", TimeProvider.System);
        await stack.InsertAsync(always);
        using var stop = new CancellationTokenSource();
        var workers = Enumerable.Range(0, Workers).Select(worker => Task.Run(() => WorkAsync(stack, worker, seed, stop.Token))).ToArray();
        var counted = 0L;
        for (var splice = 0; splice < 300; splice++)
        {
            var layer = new MeterLayer("visitor", TimeProvider.System);
            var before = always.Reads.Operations.Value + always.Writes.Operations.Value;
            await stack.InsertAsync(layer, splice % 2);

            // Until some request has gone through the new layer, so that every round shows something.
            while (layer.Reads.Operations.Value + layer.Writes.Operations.Value == 0 && !workers.Any(worker => worker.IsCompleted))
            {
                await Task.Yield();
            }

            Assert.True(await stack.RemoveAsync("visitor"));
            var visits = layer.Reads.Operations.Value + layer.Writes.Operations.Value;
            counted += visits;
            Assert.InRange(visits, 1, always.Reads.Operations.Value + always.Writes.Operations.Value - before);
        }

        await stop.CancelAsync();
        var requests = await Task.WhenAll(workers);
        Assert.Equal(requests.Sum(), always.Reads.Operations.Value + always.Writes.Operations.Value);
        Assert.InRange(counted, 300, requests.Sum());
        Assert.Empty(violations);
    }

    // Each worker owns its slots, stamps them, reads them back and compares.
    private static async Task<long> WorkAsync(DiskStack stack, int worker, int seed, CancellationToken stop)
    {
        var random = new Random(seed + worker);
        var stamps = new long[SlotsPerWorker];
        using var buffer = new TestBuffer(SlotBytes);
        var requests = 0L;
        while (!stop.IsCancellationRequested)
        {
            var slot = random.Next(SlotsPerWorker);
            var offset = (long)((worker * SlotsPerWorker) + slot) * SlotBytes;
            if (stamps[slot] != 0)
            {
                Assert.Equal(BlockStatus.Ok, await stack.ReadAsync(offset, buffer.Vector));
                requests++;
                for (var position = 0; position < SlotBytes; position += 4096)
                {
                    Assert.Equal(stamps[slot] + position, BinaryPrimitives.ReadInt64LittleEndian(buffer.Span[position..]));
                }
            }

            stamps[slot] = random.NextInt64(1, long.MaxValue - SlotBytes);
            for (var position = 0; position < SlotBytes; position += 4096)
            {
                BinaryPrimitives.WriteInt64LittleEndian(buffer.Span[position..], stamps[slot] + position);
            }

            Assert.Equal(BlockStatus.Ok, await stack.WriteAsync(offset, buffer.Vector, WriteOptions.None));
            requests++;
        }

        return requests;
    }
}
