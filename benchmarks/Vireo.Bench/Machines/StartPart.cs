namespace Vireo.Bench.Machines;

/// <summary>Starting one machine until it runs: Start-VM and virsh start, programs included.</summary>
internal sealed class StartPart : IMachinesPart
{
    private const int Rounds = 15;

    /// <inheritdoc/>
    public string Name => "start";

    /// <inheritdoc/>
    public async Task RunAsync(MachinesBench bench)
    {
        var (raw, vhdx) = await TinyGuest.MakeAsync(bench);
        await using var libvirt = new LibvirtSession(bench.Folder);
        await bench.Host.OutputAsync("New-VM", "-Name", "tiny", "-MemoryStartupBytes", $"{TinyGuest.MemoryMegabytes}MB", "-VHDPath", vhdx);
        await libvirt.DefineAsync(Domain.Xml("tiny", TinyGuest.MemoryMegabytes, raw, bench.Folder));
        List<double> ours = [], theirs = [];
        for (var round = 0; round < Rounds; round++)
        {
            ours.Add(await bench.Host.TimeAsync("Start-VM", "tiny"));
            await bench.Host.OutputAsync("Stop-VM", "tiny", "-TurnOff");
            theirs.Add(await libvirt.TimeAsync("start", "tiny"));
            await libvirt.OutputAsync("destroy", "tiny");
        }

        bench.Rows.Add(new("Start-VM to Running", "ms", Tool.Median(ours), "virsh start", Tool.Median(theirs), LessIsBetter: true));
    }
}
