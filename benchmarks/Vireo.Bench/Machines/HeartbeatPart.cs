using System.Diagnostics;
using Vireo.Testing.Guests;

namespace Vireo.Bench.Machines;

/// <summary>Starting a real guest until its agent answers.</summary>
internal sealed class HeartbeatPart : IMachinesPart
{
    private const int Rounds = 3;
    private const int MemoryMegabytes = 256;

    /// <inheritdoc/>
    public string Name => "heartbeat";

    /// <inheritdoc/>
    public async Task RunAsync(MachinesBench bench)
    {
        GuestDisk.Build(bench["guest.vhdx"], 1);
        GuestDisk.Build(bench["guest.raw"], 1);
        File.SetUnixFileMode(bench["guest.raw"], (UnixFileMode)0b110_110_110);
        await using var libvirt = new LibvirtSession(bench.Folder);
        await bench.Host.OutputAsync("New-VM", "-Name", "guest", "-MemoryStartupBytes", $"{MemoryMegabytes}MB", "-VHDPath", bench["guest.vhdx"]);
        await libvirt.DefineAsync(Domain.Xml("guest", MemoryMegabytes, bench["guest.raw"], bench.Folder));
        List<double> ours = [], theirs = [];
        for (var round = 0; round < Rounds; round++)
        {
            var begin = Stopwatch.GetTimestamp();
            await bench.Host.OutputAsync("Start-VM", "guest");
            await bench.Host.OutputAsync("Wait-VM", "guest", "-For", "Heartbeat");
            ours.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            await bench.Host.OutputAsync("Stop-VM", "guest", "-TurnOff");

            begin = Stopwatch.GetTimestamp();
            await libvirt.OutputAsync("start", "guest");
            while (!await AnswersAsync(libvirt))
            {
                await Task.Delay(20);
            }

            theirs.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            await libvirt.OutputAsync("destroy", "guest");
        }

        bench.Rows.Add(new("Start-VM to heartbeat", "ms", Tool.Median(ours), "virsh start, guest-ping", Tool.Median(theirs), LessIsBetter: true));
    }

    private static async Task<bool> AnswersAsync(LibvirtSession libvirt)
    {
        try
        {
            await libvirt.OutputAsync("qemu-agent-command", "guest", """{"execute":"guest-ping"}""", "--timeout", "5");
            return true;
        }
        catch (InvalidOperationException)
        {
            // It is not up yet.
            return false;
        }
    }
}
