using System.Net;
using System.Net.Sockets;
using System.Text;
using Vireo.Platform.Files;
using Vireo.Smb;
using Vireo.Smb.Security;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Smb;

/// <summary>
/// Hostile file servers: what reads their answers (<see cref="SmbHeader"/>, <see cref="NegotiateAnswer"/>, <see cref="SessionSetupAnswer"/>,
/// <see cref="TreeConnectAnswer"/>, <see cref="CreateAnswer"/>, <see cref="SmbPayload"/>, <see cref="AllocatedRanges"/>, <see cref="NtlmChallenge"/>) stays inside
/// its bytes, a login at a server that talks garbage ends with an error, and a path is read in one way or not at all.
/// </summary>
public sealed class SmbFuzz
{
    [Fact]
    public void Answers_are_refused_or_lie_inside_their_message()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var sizes = new ushort[] { 65, 9, 16, 89, 17, 49, 9 };
        var accepted = 0;
        for (var round = 0; round < 100_000; round++)
        {
            var message = new byte[random.Next(0, 300)];
            random.NextBytes(message);
            if (message.Length > 80 && round % 4 != 0)
            {
                // Right in its first fields, so that the later ones are looked at.
                new byte[] { 0xFE, (byte)'S', (byte)'M', (byte)'B', 64, 0 }.CopyTo(message, 0);
                message.AsSpan(20, 4).Clear();
                message[16] |= 1;
                BitConverter.TryWriteBytes(message.AsSpan(64), sizes[random.Next(sizes.Length)]);
                BitConverter.TryWriteBytes(message.AsSpan(68), (ushort)(random.Next(2) == 0 ? 0x0311 : random.Next(200)));
                BitConverter.TryWriteBytes(message.AsSpan(70), (ushort)random.Next(100));
                if (message.Length > 128)
                {
                    BitConverter.TryWriteBytes(message.AsSpan(96), random.Next(200));
                    BitConverter.TryWriteBytes(message.AsSpan(100), random.Next(200));
                    BitConverter.TryWriteBytes(message.AsSpan(124), random.Next(300));
                }
            }

            accepted += SmbHeader.TryParse(message, out _) ? 1 : 0;
            accepted += NegotiateAnswer.TryParse(message, out _) ? 1 : 0;
            accepted += TreeConnectAnswer.TryParse(message, out _) ? 1 : 0;
            if (CreateAnswer.TryParse(message, out var created))
            {
                Assert.True(created.LengthBytes >= 0, $"seed {seed} round {round}");
            }

            if (SessionSetupAnswer.TryParse(message, out var session))
            {
                Assert.True(session.Token.Length <= message.Length, $"seed {seed} round {round}");
            }

            foreach (var command in new[] { SmbCommand.Read, SmbCommand.Ioctl, SmbCommand.QueryInfo })
            {
                if (SmbPayload.TryParse(message, command, out var range))
                {
                    accepted++;
                    _ = message[range].Length;
                }
            }

            var offset = random.NextInt64();
            if (AllocatedRanges.TryParse(message.AsSpan(0, message.Length / 16 * 16), offset, out var run) && run is { } found)
            {
                Assert.True(found.Offset + found.Length > offset, $"seed {seed} round {round}");
            }
        }

        Assert.True(accepted > 1000, $"only {accepted} got through");
    }

    [Fact]
    public void A_challenge_is_refused_or_lies_inside_its_message()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var accepted = 0;
        for (var round = 0; round < 100_000; round++)
        {
            var message = new byte[random.Next(40, 120)];
            random.NextBytes(message);
            Encoding.ASCII.GetBytes("NTLMSSP\0\u0002\0\0\0").CopyTo(message, 0);
            if (message.Length >= 64)
            {
                BitConverter.TryWriteBytes(message.AsSpan(40), (ushort)random.Next(0, 40));
                BitConverter.TryWriteBytes(message.AsSpan(44), random.Next(30, 80));
                for (var at = 48; at + 4 < message.Length; at += 8)
                {
                    BitConverter.TryWriteBytes(message.AsSpan(at), (ushort)random.Next(0, 9));
                    BitConverter.TryWriteBytes(message.AsSpan(at + 2), (ushort)(random.Next(3) * 4));
                }
            }

            if (NtlmChallenge.TryParse(message, out var challenge))
            {
                accepted++;
                Assert.True(challenge.TargetInfo.Length is >= 4 and <= 80, $"seed {seed} round {round}");
                Assert.Equal(0u, BitConverter.ToUInt32(challenge.TargetInfo.AsSpan(challenge.TargetInfo.Length - 4)));
            }
        }

        Assert.True(accepted > 100, $"only {accepted} got through");
    }

    [Fact]
    public void A_path_is_read_in_one_way_or_not_at_all()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var pieces = new[] { "\\", "\\\\", "..", ".", "/", "a", "Ä", "測", "\ud83d\ude00", "\ud83d", ":", "*", " ", "\0", "\u202e", "server", "vms", "x.vhdx", "?", "\n" };
        for (var round = 0; round < 100_000; round++)
        {
            var text = @"\\" + (random.Next(3) == 0 ? "" : @"server\share\") + string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => pieces[random.Next(pieces.Length)]));
            if (!UncPath.TryParse(text, out var path, out var problem))
            {
                Assert.NotEmpty(problem);
                continue;
            }

            Assert.Equal(text, path.ToString());
            Assert.Equal(text, UncPath.Parse(path.ToString()).ToString());
            Assert.DoesNotContain(path.Name.Split('\\'), static part => part is "." or ".." || part.Contains('/', StringComparison.Ordinal) || part.Contains(':', StringComparison.Ordinal));
            if (path.Beside(string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => pieces[random.Next(pieces.Length)]))) is { } beside)
            {
                Assert.StartsWith($@"\\{path.Server}\{path.Share}\", beside.ToString(), StringComparison.Ordinal);
                Assert.DoesNotContain(beside.Name.Split('\\'), static part => part is "" or "." or "..");
            }
        }
    }

    [Fact]
    public async Task A_login_at_a_server_that_talks_garbage_ends_with_an_error()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var options = new SmbOptions(TimeProvider.System) { Port = ((IPEndPoint)listener.LocalEndpoint).Port };
        for (var round = 0; round < 100; round++)
        {
            var login = Task.Run(() => Assert.Throws<SmbException>(() => SmbShare.Connect(UncPath.Parse(@"\\127.0.0.1\vms"), new SmbLogin("me", "", "secret"), options)));
            using (var server = await listener.AcceptTcpClientAsync())
            {
                var stream = server.GetStream();
                var request = new byte[200];
                Assert.True(await stream.ReadAtLeastAsync(request, 150) >= 150);
                var answer = new byte[random.Next(0, 400)];
                random.NextBytes(answer);
                if (answer.Length > 140 && round % 3 != 0)
                {
                    answer[0] = 0;
                    answer[1] = 0;
                    answer[2] = (byte)((answer.Length - 4) >> 8);
                    answer[3] = (byte)(answer.Length - 4);

                    // The header of the request as that of an answer.
                    request.AsSpan(4, 64).CopyTo(answer.AsSpan(4));
                    answer.AsSpan(12, 4).Clear();
                    answer[20] |= 1;
                    answer.AsSpan(24, 4).Clear();
                    answer[68] = 65;
                    answer[69] = 0;
                    answer[72] = (byte)random.Next(0, 0x12);
                    answer[73] = 3;
                }

                await stream.WriteAsync(answer);
            }

            await login;
        }
    }
}
