using Vireo.Testing;
using Vireo.Testing.Guests;
using Xunit.Abstractions;

namespace Vireo.SystemTests.Storage;

/// <summary>
/// Mount-VHD where the kernel has its NBD client: in a guest, whose kernel has it for sure, with the published programs. Everything behind the
/// device is killed in turn, and no device is left that nobody serves.
/// </summary>
public sealed class KernelDeviceTests(ITestOutputHelper output)
{
    private const string Vireo = $"{ToolDisk.Folder}/vireo/vireo --root /data/h";
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    [Fact]
    [Requirement("VD-8")]
    [Trait("Category", "Long")]
    public async Task AMountedDiskIsADeviceOfTheKernel_ThatOutlivesPlaneAndHost_AndGoesWithItsProcess()
    {
        using var folder = new TempFolder();
        GuestDisk.Build(folder["boot.raw"], 1);
        Programs(folder["programs"]);
        Runtime(folder["runtime"]);
        ToolDisk.Build(
            folder["tools.raw"],
            ["/usr/bin/fio", "/sbin/mke2fs", .. Libraries()],
            new Dictionary<string, string> { ["vireo"] = folder["programs"], ["dotnet"] = folder["runtime"] });
        await using var guest = await PlainGuest.StartAsync(new PlainGuestOptions(1)
        {
            MemoryMegabytes = 1024,
            Processors = 2,
            Arguments =
            [
                "-drive", $"file={folder["boot.raw"]},format=raw,if=none,id=boot", "-device", "ide-hd,drive=boot,bootindex=1",
                "-drive", $"file={folder["tools.raw"]},format=raw,if=none,id=tools", "-device", "ide-hd,drive=tools",
            ],
        });
        var shell = guest.Shell;
        await shell.CheckAsync(ToolDisk.MountCommand);

        // Where programs find them that get no environment of ours.
        await shell.CheckAsync($"cd /usr/lib/x86_64-linux-gnu && for l in {ToolDisk.Folder}/lib/*; do [ -e ${{l##*/}} ] || ln -s $l; done; cd /");
        await shell.CheckAsync($"export {ToolDisk.Environment} DOTNET_ROOT={ToolDisk.Folder}/dotnet DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 && modprobe nbd && ls /dev/nbd0");

        // The host asks QEMU for its version when it starts; no machine runs here.
        await shell.CheckAsync("printf '#!/bin/sh\\necho QEMU emulator version 7.2.0\\n' > /usr/bin/qemu-system-x86_64 && chmod +x /usr/bin/qemu-system-x86_64");
        await StartAsync(shell, "storage");
        await StartAsync(shell, "host");
        await VireoAsync(shell, "New-VHD /data/d.vhdx -SizeBytes 64MB");
        var mounted = await VireoAsync(shell, "Mount-VHD /data/d.vhdx -Verbose");
        Assert.Contains("'/dev/nbd0'", mounted, StringComparison.Ordinal);
        Assert.Contains("the kernel's NBD client", mounted, StringComparison.Ordinal);
        await shell.CheckAsync($"{ToolDisk.Folder}/bin/mke2fs -q -t ext4 /dev/nbd0 && mkdir -p /data/at && mount -t ext4 /dev/nbd0 /data/at");

        // fio writes and verifies while plane and host are killed and started again.
        await shell.CheckAsync(
            "setsid sh -c 'fio --name=v --directory=/data/at --size=16m --rw=randwrite --bs=4k --direct=1 --ioengine=psync --fsync=16 --verify=crc32c --verify_fatal=1 --thread; echo $? > /tmp/fio.end' < /dev/null > /tmp/fio.log 2>&1 &");
        await Wait.UntilAsync("fio writes", async () => (await shell.RunAsync("[ -s /data/at/v.0.0 ]")).ExitCode == 0, TimeSpan.FromMinutes(1));
        foreach (var plane in new[] { "storage", "host", "storage" })
        {
            await shell.CheckAsync($"kill -9 $(cat /tmp/{plane}.pid)");
            await StartAsync(shell, plane);
        }

        await Wait.UntilAsync(
            "fio ends",
            async () => (await shell.RunAsync("[ -s /tmp/fio.end ]")).ExitCode == 0,
            TimeSpan.FromMinutes(15),
            () => shell.RunAsync("cat /tmp/fio.log /tmp/storage.log; dmesg | tail -n 20; cat /data/h/run/*.log; cat /proc/$(cat /tmp/storage.pid)/task/*/stack").Result.Output);
        Assert.Equal("0", await shell.CheckAsync("cat /tmp/fio.end; grep -q ^0 /tmp/fio.end || cat /tmp/fio.log"));
        Assert.Contains("is mounted at '/data/at'", (await shell.RunAsync($"{Vireo} Dismount-VHD /data/d.vhdx", s_patience)).Output, StringComparison.Ordinal);
        await shell.CheckAsync("umount /data/at");
        await VireoAsync(shell, "Dismount-VHD /data/d.vhdx");
        await NobodyServesAsync(shell);
        await VireoAsync(shell, "Test-VHD /data/d.vhdx");

        // The process behind the device dies: the kernel takes the device away by itself, and the host tidies up when it starts.
        await VireoAsync(shell, "Mount-VHD /data/d.vhdx");
        await shell.CheckAsync("kill -9 $(cat /tmp/host.pid); for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -q -- '--device' && kill -9 ${p#/proc/}; done; true");
        await NobodyServesAsync(shell);
        await StartAsync(shell, "host");
        await Wait.UntilAsync("the host tidies up", async () => (await shell.RunAsync("[ -z \"$(ls /data/h/mounts)\" ]")).ExitCode == 0, s_patience);
        Assert.Contains("'/dev/nbd0'", await VireoAsync(shell, "Mount-VHD /data/d.vhdx -ReadOnly -Verbose"), StringComparison.Ordinal);
        Assert.Equal("1", await shell.CheckAsync("cat /sys/block/nbd0/ro"));
        await shell.CheckAsync("mount -t ext4 -o ro,noload /dev/nbd0 /data/at && ls -l /data/at/v.0.0 && umount /data/at");
        await VireoAsync(shell, "Dismount-VHD /data/d.vhdx");
        await NobodyServesAsync(shell);
        Assert.DoesNotContain("Call Trace", await shell.CheckAsync("dmesg"), StringComparison.Ordinal);
    }

    private async Task<string> VireoAsync(SerialShell shell, string command)
    {
        var said = await shell.CheckAsync($"{Vireo} {command} > /tmp/vireo.log 2>&1; status=$?; cat /tmp/vireo.log; [ $status = 0 ]", s_patience);
        output.WriteLine($"{command}: {said}");
        return said;
    }

    private static async Task StartAsync(SerialShell shell, string plane)
    {
        await shell.CheckAsync($"rm -f /data/h/run/{plane}.sock; {ToolDisk.Folder}/vireo/vireo-{plane} --root /data/h < /dev/null >> /tmp/{plane}.log 2>&1 & echo $! > /tmp/{plane}.pid");
        await Wait.UntilAsync(
            $"the {plane} plane listens",
            async () => (await shell.RunAsync($"for i in 1 2 3 4 5; do [ -S /data/h/run/{plane}.sock ] && break; sleep 1; done; [ -S /data/h/run/{plane}.sock ]")).ExitCode == 0,
            TimeSpan.FromSeconds(100),
            () => shell.RunAsync($"tail -n 20 /tmp/{plane}.log; for t in /proc/$(cat /tmp/{plane}.pid)/task/*; do cat $t/stack; done; dmesg | tail -n 20; cat /tmp/fio.log").Result.Output);
    }

    private static Task NobodyServesAsync(SerialShell shell) => Wait.UntilAsync(
        "no device is served", async () => (await shell.RunAsync("! ls /sys/block/nbd*/pid && [ $(cat /sys/block/nbd0/size) = 0 ]")).ExitCode == 0, TimeSpan.FromMinutes(1));

    private static void Programs(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "out")).Where(static file => Path.GetExtension(file) is not (".pdb" or ".xml" or ".log")))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }
    }

    // The shared runtime without the tools beside it; the tool disk follows the links.
    private static void Runtime(string folder)
    {
        var dotnet = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "../../.."));
        Directory.CreateDirectory(folder);
        foreach (var part in new[] { "dotnet", "host", "shared" })
        {
            File.CreateSymbolicLink(Path.Combine(folder, part), Path.Combine(dotnet, part));
        }
    }

    // What the runtime loads by name.
    private static IEnumerable<string> Libraries() => new[] { "libstdc++.so.6", "libgcc_s.so.1", "libssl.so.3", "libcrypto.so.3", "libz.so.1", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libm.so.6" }
        .Select(static name => $"/usr/lib/x86_64-linux-gnu/{name}").Where(File.Exists);
}
