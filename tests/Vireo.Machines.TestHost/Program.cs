using Vireo.Machines;
using Vireo.Machines.Accelerators;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;

// A host that tests kill: it does what its arguments say with one machine, says so, and waits for its end.
// Arguments: run folder, id of the machine, id of its drive, NBD socket, then: start | start-save PATH | restore PATH
var (runFolder, machineId, driveId, socket, action) = (args[0], Guid.Parse(args[1]), Guid.Parse(args[2]), args[3], args[4]);
var configuration = new VirtualMachineConfiguration
{
    Id = machineId,
    Name = "test",
    Generation = 1,
    CreationTime = DateTimeOffset.UnixEpoch,
    Path = runFolder,
    SnapshotFileLocation = runFolder,
    SmartPagingFilePath = runFolder,
    Memory = new() { StartupBytes = 16 << 20 },
    Drives = [new() { Id = driveId, Kind = DriveKind.HardDisk, Bus = DriveBus.Ide, ControllerNumber = 0, ControllerLocation = 0, Path = "boot" }],
};
var plan = new MachineRuntimePlan
{
    Accelerator = AcceleratorKind.Tcg,
    RunFolder = runFolder,
    Drives = [new(driveId, DriveTransport.Nbd, socket)],
};
var driver = new MachineDriver(new() { StateFolder = runFolder }, TimeProvider.System);
await using var machine = await driver.OpenAsync(machineId, runFolder, hasSavedState: action == "restore");
await machine.StartAsync(new()
{
    Configuration = configuration,
    Plan = plan,
    SavedStatePath = action == "restore" ? args[5] : null,
});
if (action == "start-save")
{
    await machine.SaveAsync(args[5]);
}

Console.WriteLine(machine.Status.State);
await Task.Delay(Timeout.Infinite);
