using System.Buffers.Binary;
using Vireo.Control.Switching;
using Vireo.Switch.Acls;
using Vireo.Switch.Inspection;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Stages;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Switch;

/// <summary>What guards read in hostile frames, and what people write as addresses: nothing throws, and nothing that is no message is one.</summary>
public sealed class InspectionFuzz
{
    [Fact]
    public void Messages_of_random_content()
    {
        var random = Seeded();
        var bytes = new byte[400];
        for (var round = 0; round < 300_000; round++)
        {
            random.NextBytes(bytes);
            var message = bytes.AsSpan(0, random.Next(bytes.Length));
            if (!message.IsEmpty)
            {
                message[0] = (byte)random.Next(130, 140);
                for (var option = random.Next(8, 41); option + 8 <= message.Length; option += 8)
                {
                    message[option] = (byte)random.Next(4);
                    message[option + 1] = (byte)random.Next(3);
                }
            }

            if (NeighborMessage.TryParse(message, out var neighbor))
            {
                Assert.InRange(neighbor.Type, (byte)133, (byte)137);
            }

            if (message.Length >= 240)
            {
                byte[] start = [2, 1, 6];
                start.CopyTo(message);
                BinaryPrimitives.WriteUInt32BigEndian(message[236..], 0x63825363);
                for (var option = 240; option + 2 <= message.Length; option += 2 + message[option + 1])
                {
                    message[option] = (byte)(random.Next(3) == 0 ? random.Next(256) : 51 + (random.Next(2) * 2));
                    message[option + 1] = (byte)random.Next(6);
                }
            }

            if (DhcpLease.TryParse(message, out var lease))
            {
                Assert.NotEqual(0u, lease.Address);
                Assert.NotEqual(0u, lease.Seconds);
            }
        }
    }

    [Fact]
    public void Frames_of_random_content_pass_every_guard_or_are_dropped()
    {
        var random = Seeded();
        var forwarder = new Forwarder(TimeProvider.System);
        var home = new SwitchState(Guid.NewGuid(), new MacTable(1024, 300, 0x1234567));
        var compiler = new PolicyCompiler(new StageCatalog(TimeProvider.System));
        List<(InMemoryPort End, PortState Port)> ports = [];
        for (var i = 0; i < 3; i++)
        {
            var policy = new PortPolicySpecification
            {
                SpoofGuard = i == 0,
                DhcpGuard = true,
                RouterGuard = true,
                MaximumBandwidth = i == 1 ? 1_000_000_000 : 0,
                Mirroring = (PortMirroring)i,
                Acls = [new(PortAclAction.Deny, PortAclDirection.Both, null, "10.0.0.0/8"), new(PortAclAction.Meter, PortAclDirection.Both, null, "::/0")],
                ExtendedAcls = [new(true, PortAclDirection.Outbound, 1, Protocol: "UDP", RemotePort: "1-1000", Stateful: true), new(false, PortAclDirection.Inbound, 1, Protocol: "TCP")],
                AllowedVlanIds = [5, 6],
            };
            var end = new InMemoryPort(64, FrameBatch.FrameBytesMax);
            var settings = new PortSettings(i == 2 ? PortVlanMode.Trunk : PortVlanMode.Untagged, 0, [], policy, new MacAddress(0x0200_0000_0000));
            Assert.Empty(compiler.Validate(settings));
            var port = new PortState(Guid.NewGuid(), compiler.Compile(settings, null), end);
            home.Add(port);
            end.Start(port, forwarder);
            ports.Add((end, port));
        }

        for (var round = 0; round < 100_000; round++)
        {
            var frame = FrameParserFuzz.Build(random);
            if (frame.Length >= 14)
            {
                frame[0] = (byte)(random.Next(3) == 0 ? 0xFF : 2);
                frame.AsSpan(6, 6).Clear();
                frame[6] = 2;
            }

            ports[random.Next(3)].End.Inject(frame);
            foreach (var (end, _) in ports)
            {
                end.Drain();
            }
        }

        Assert.Equal(100_000, ports.Sum(one => one.Port.FramesIn));
        Assert.True(ports.Sum(one => one.Port.FramesOut) > 0);
    }

    [Fact]
    public void Addresses_and_ports_as_nobody_writes_them()
    {
        var random = Seeded();
        const string letters = "0123456789abcdefABCDEF:.-/%* ANYany\0";
        for (var round = 0; round < 200_000; round++)
        {
            var text = string.Create(random.Next(24), random, (span, source) =>
            {
                foreach (ref var letter in span)
                {
                    letter = letters[source.Next(letters.Length)];
                }
            });
            if (AclAddress.TryParse(text, out var address))
            {
                Assert.Equal(address.Value, address.Value & address.Mask);
            }

            if (PortRange.TryParse(text, out var range))
            {
                Assert.True(range.First <= range.Last);
            }
        }
    }

    private static Random Seeded()
    {
        var seed = TestSeed.Next();
        return new Random(seed);
    }
}
