using System.Globalization;
using Vireo.Testing;
using Vireo.Testing.Guests;
using Vireo.Testing.Hosts;

namespace Vireo.SystemTests.Scenarios;

/// <summary>A killed plane costs a guest a pause, nothing else.</summary>
[Collection(KillCollection.Name)]
public sealed class KillTests(SystemHost system)
{
    // Each block of the stream carries its number in every line, so that a lost, torn or misplaced write changes the sum. Between two blocks the guest rests:
    // an emulated processor that never does takes that of the planes which are to come back.
    private const string Writer =
        "rm -f /data/stop /data/stream /data/sums; (n=0; while [ ! -e /data/stop ]; do seq $((n*4000)) $((n*4000+3999)) > /tmp/block; "
        + "cat /tmp/block >> /data/stream && sync && sha256sum < /tmp/block >> /data/sums && n=$((n+1)) && usleep 50000 || { echo failed > /data/failed; break; }; done; sync; echo $n > /data/count) >/dev/null 2>&1 &";

    private const string Verifier =
        "[ ! -e /data/failed ] && echo 3 > /proc/sys/vm/drop_caches && n=$(cat /data/count) && [ \"$n\" -gt 0 ] && seq 0 $((n*4000-1)) | sha256sum > /tmp/want && sha256sum < /data/stream > /tmp/have && cmp /tmp/want /tmp/have && "
        + "[ \"$(wc -l < /data/sums)\" = \"$n\" ] && echo verified $n blocks";

    [Fact]
    [Requirement("VM-10")]
    public async Task KillingEveryPlaneAgainAndAgainLosesNoFlushedWriteAndNoConnection()
    {
        var host = system.Host;
        await KillAsync(host, rounds: 3, await Task.WhenAll(Writing.StartAsync(host, generation: 1, "ide-hd"), Writing.StartAsync(host, generation: 2, "virtio-blk-pci")));
    }

    [Fact]
    [Requirement("VM-10")]
    [Trait("Category", "Long")]
    public async Task NeitherDoesAGuestWhoseDiskSharesItsMemory()
    {
        await using var host = await VireoHost.StartAsync(sharedMemoryDisks: true);
        await KillAsync(host, rounds: 2, [await Writing.StartAsync(host, generation: 2, "vhost-user-blk-pci")]);
    }

    private static async Task KillAsync(VireoHost host, int rounds, IReadOnlyList<Writing> guests)
    {
        for (var round = 0; round < rounds; round++)
        {
            foreach (var plane in Enum.GetValues<Plane>())
            {
                foreach (var guest in guests)
                {
                    await guest.NoteProgressAsync();
                }

                await host.KillAsync(plane);
                await Task.WhenAll(guests.Select(guest => guest.GoesOnAsync(plane)));
            }
        }

        await Task.WhenAll(guests.Select(guest => guest.VerifyAsync()));
    }

    /// <summary>A guest of one generation that writes its stream.</summary>
    private sealed class Writing(VireoHost host, string name, string disk, string address, SerialShell shell)
    {
        private int _noted;

        public static async Task<Writing> StartAsync(VireoHost host, int generation, string device)
        {
            var name = $"kill{generation}";
            var disk = await host.NewGuestAsync(name, generation, switchName: "Default Switch");
            var commandLine = await host.CommandLineAsync(name);
            if (commandLine.Contains("-accel tcg", StringComparison.Ordinal))
            {
                Assert.Contains($" {device},id=drive-", commandLine, StringComparison.Ordinal);
            }

            await host.CheckAsync("Wait-VM", "-Name", name, "-For", "IPAddress", "-Timeout", "180");
            var adapter = (await host.QueryAsync("Get-VMNetworkAdapter", "-VMName", name)).Single();
            var address = adapter.GetProperty("IPAddresses").EnumerateArray().Select(value => value.GetString()!).First(value => value.Contains('.', StringComparison.Ordinal));
            var shell = await host.ShellAsync(name);
            await shell.CheckAsync("rm -f /data/failed");
            await shell.CheckAsync(Writer);
            return new Writing(host, name, disk, address, shell);
        }

        public async Task NoteProgressAsync() => _noted = await ProgressAsync();

        public async Task GoesOnAsync(Plane plane)
        {
            await Wait.UntilAsync($"{name} writes on after the {plane} plane was killed", async () => await ProgressAsync() > _noted + 1, TimeSpan.FromMinutes(2), host.Log);
            await Wait.UntilAsync(
                $"pings to {name} pass after the {plane} plane was killed",
                async () => (await host.InNetworkAsync("ping", "-c", "1", "-W", "1", address)).ExitCode == 0,
                TimeSpan.FromMinutes(1),
                host.Log);
            await Wait.UntilAsync($"Get-VM answers after the {plane} plane was killed", async () => (await host.RunAsync("Get-VM", "-Name", name, "-Json")).ExitCode == 0, details: host.Log);
            Assert.Equal("Running", await host.StateAsync(name));
        }

        public async Task VerifyAsync()
        {
            await using (shell)
            {
                await shell.CheckAsync("touch /data/stop; n=0; until [ -e /data/count ]; do n=$((n+1)); [ $n -lt 600 ] || exit 1; usleep 100000; done", TimeSpan.FromMinutes(2));
                Assert.StartsWith("verified", await shell.CheckAsync(Verifier, TimeSpan.FromMinutes(3)), StringComparison.Ordinal);
                Assert.DoesNotContain("I/O error", await shell.CheckAsync("dmesg"), StringComparison.Ordinal);
            }

            await host.CheckAsync("Stop-VM", "-Name", name);
            Peer.Run("qemu-img", "check", disk);
            await host.CheckAsync("Remove-VM", "-Name", name, "-Force");
        }

        private async Task<int> ProgressAsync() =>
            int.Parse(await shell.CheckAsync("[ ! -e /data/sums ] && echo 0 || wc -l < /data/sums"), CultureInfo.InvariantCulture);
    }
}
