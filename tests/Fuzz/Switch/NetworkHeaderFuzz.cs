using Vireo.Switch.Offloads;
using Vireo.Switch.Sdk;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Switch;

/// <summary>Offload requests from a guest: <see cref="NetworkHeader"/> takes any bytes, and what passes the rules can be carried out.</summary>
public sealed class NetworkHeaderFuzz
{
    [Fact]
    public void Sound_requests_can_be_carried_out_and_survive_a_round_trip()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var batch = new FrameBatch();
        var header = new byte[NetworkHeader.LengthBytes];
        var again = new byte[NetworkHeader.LengthBytes];
        var bytes = new byte[4096];
        for (var round = 0; round < 200_000; round++)
        {
            random.NextBytes(header);
            header[0] &= 3;
            header[1] = (byte)(random.Next(3) == 0 ? random.Next(256) : random.Next(6));
            header[7] = header[9] = 0;
            if (!NetworkHeader.TryDecode(header, out var offload))
            {
                continue;
            }

            NetworkHeader.Encode(offload, again);
            Assert.True(NetworkHeader.TryDecode(again, out var decoded));
            Assert.Equal((offload.NeedsChecksum, offload.Segmentation), (decoded.NeedsChecksum, decoded.Segmentation));
            batch.Clear();
            var length = random.Next(14, 400);
            var index = batch.Add(bytes.AsSpan(0, length));
            batch[index].Offload = offload;
            if (!OffloadRules.AreSound(batch[index]))
            {
                continue;
            }

            if (offload.NeedsChecksum)
            {
                Assert.True(Checksum.TryComplete(batch, index));
            }

            var cutter = new SegmentCutter(bytes.AsSpan(0, length), offload, whole: false);
            batch.Clear();
            while (!cutter.IsDone && !batch.IsFull && cutter.Next(batch))
            {
                Assert.NotEqual(0, batch.Live.Length);
            }
        }
    }
}
