using System.Text;
using System.Text.Json;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Fuzz.Tests.Machines;
using Vireo.Host.Mobility;
using Vireo.Host.Mobility.Protocol;
using Vireo.Host.Peers;
using Vireo.Machines.Configuration;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Host;

/// <summary>What a host reads of one that moves a machine to it, damaged: files and bodies. It is read, or refused with the error promised.</summary>
public sealed class MoveFuzz
{
    private const int Rounds = 300;
    private readonly Random _random;

    public MoveFuzz()
    {
        var seed = TestSeed.Next();
        _random = new(seed);
    }

    [Fact]
    public async Task Files_are_taken_or_refused()
    {
        using var folder = new TempFolder();
        var source = folder["source"];
        using (var file = new FileStream(source, FileMode.CreateNew))
        {
            file.Write(Encoding.ASCII.GetBytes("begins"));
            file.Position = 3 << 20;
            file.Write(Encoding.ASCII.GetBytes("ends"));
        }

        var sent = new MemoryStream();
        await SparseStream.SendAsync(source, sent, static _ => { }, CancellationToken.None);
        var whole = sent.ToArray();
        await SparseStream.ReceiveAsync(new MemoryStream(whole), folder["whole"], static () => { }, CancellationToken.None);
        Assert.Equal(File.ReadAllBytes(source), File.ReadAllBytes(folder["whole"]));
        for (var round = 0; round < Rounds; round++)
        {
            var damaged = whole.AsSpan(0, _random.Next(2) == 0 ? whole.Length : _random.Next(whole.Length)).ToArray();
            for (var i = _random.Next(4); i > 0 && damaged.Length > 0; i--)
            {
                // Mostly where offsets and lengths are.
                damaged[_random.Next(2) == 0 ? _random.Next(Math.Min(16, damaged.Length)) : _random.Next(damaged.Length)] = (byte)_random.Next(256);
            }

            var target = folder[$"t{round}"];
            try
            {
                await SparseStream.ReceiveAsync(new MemoryStream(damaged), target, static () => { }, CancellationToken.None);
            }
            catch (Exception refused) when (refused is InvalidDataException or IOException)
            {
                // As promised.
            }

            File.Delete(target);
        }
    }

    [Fact]
    public void Offers_are_read_or_refused()
    {
        var machine = new VirtualMachineConfiguration
        {
            Id = Guid.NewGuid(),
            Name = "web",
            Generation = 2,
            CreationTime = DateTimeOffset.UnixEpoch,
            Path = "/vms/web",
            SnapshotFileLocation = "/vms/web",
            SmartPagingFilePath = "/vms/web",
        };
        var text = JsonSerializer.Serialize(
            new MoveOffer { Move = Guid.NewGuid(), Machine = machine, Request = new StorageMoveRequest { DestinationPath = "/vms" }, Host = new MoveHostFacts("Tcg", "Nbd", "GenuineIntel", ["sse2"]) },
            MoveJson.Default.MoveOffer);
        var read = PeerHttp.Parse(Encoding.UTF8.GetBytes(text), MoveJson.Default.MoveOffer);
        Assert.Equal("web", read.Machine.Name);
        for (var round = 0; round < Rounds; round++)
        {
            try
            {
                PeerHttp.Parse(JsonDamage.Apply(text, _random), MoveJson.Default.MoveOffer);
            }
            catch (CommandException refused)
            {
                Assert.Equal("ProtocolError", refused.ErrorId);
            }
        }
    }

    [Fact]
    public void What_a_kernel_says_of_a_processor_is_read_whatever_it_is()
    {
        Assert.Equal("GenuineIntel", MoveHost.Parse(["vendor_id\t: GenuineIntel", "flags\t\t: fpu sse2 avx", "flags: other"]).Vendor);
        Assert.Equal(["fpu", "sse2", "avx"], MoveHost.Parse(["vendor_id\t: GenuineIntel", "flags\t\t: fpu sse2 avx", "flags: other"]).Features);
        Assert.Empty(MoveHost.Parse(["", ":", "flags", "processor : 0"]).Features);
    }
}
