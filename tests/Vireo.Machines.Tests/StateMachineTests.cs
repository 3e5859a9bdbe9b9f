using Vireo.Machines.States;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

public sealed class StateMachineTests
{
    public static TheoryData<MachineState, string> Legal => new()
    {
        { MachineState.Off, "Start AdoptSavedState" },
        { MachineState.Starting, "TurnOff" },
        { MachineState.Running, "Pause Save Checkpoint ShutDown TurnOff Reset Depart" },
        { MachineState.Pausing, "TurnOff" },
        { MachineState.Paused, "Resume Save Checkpoint TurnOff Reset" },
        { MachineState.Resuming, "TurnOff" },
        { MachineState.Saving, "TurnOff" },
        { MachineState.Saved, "Restore DiscardSavedState" },
        { MachineState.Stopping, "TurnOff" },
        { MachineState.Resetting, "TurnOff" },
    };

    [Theory]
    [MemberData(nameof(Legal))]
    [Requirement("VM-1")]
    public void Each_state_allows_these_operations_and_no_others(MachineState state, string operations)
    {
        foreach (var operation in Enum.GetValues<MachineOperation>())
        {
            var machine = Reach(state);
            Assert.Equal(operations.Split(' ').Contains(operation.ToString()), machine.CanBegin(operation));
            if (!machine.CanBegin(operation))
            {
                var refusal = Assert.Throws<MachineStateException>(() => machine.Begin(operation));
                Assert.Equal((operation, state), (refusal.Operation, refusal.State));
                Assert.Equal(state, machine.State);
            }
        }
    }

    [Theory]
    [InlineData(MachineState.Off, MachineOperation.Start)]
    [InlineData(MachineState.Saved, MachineOperation.Restore)]
    [InlineData(MachineState.Running, MachineOperation.Pause)]
    [InlineData(MachineState.Paused, MachineOperation.Resume)]
    [InlineData(MachineState.Paused, MachineOperation.Save)]
    [InlineData(MachineState.Running, MachineOperation.ShutDown)]
    [InlineData(MachineState.Paused, MachineOperation.Reset)]
    [InlineData(MachineState.Paused, MachineOperation.TurnOff)]
    public void A_failed_operation_leads_back(MachineState from, MachineOperation operation)
    {
        var machine = Reach(from);
        machine.Begin(operation);
        Assert.NotEqual(from, machine.State);
        machine.Fail();
        Assert.Equal(from, machine.State);
        Assert.Null(machine.Current);
        machine.Fail();
        Assert.Equal(from, machine.State);
    }

    [Fact]
    public void The_end_of_the_process_ends_every_operation()
    {
        foreach (var state in Enum.GetValues<MachineState>())
        {
            var machine = Reach(state);
            machine.ObserveExit(saved: state == MachineState.Saving);
            Assert.Equal(state == MachineState.Saving ? MachineState.Saved : MachineState.Off, machine.State);
            Assert.Null(machine.Current);
        }
    }

    [Fact]
    public void What_the_processors_do_on_their_own_counts_only_between_operations()
    {
        var machine = Reach(MachineState.Running);
        machine.ObserveProcessors(running: false);
        Assert.Equal(MachineState.Paused, machine.State);
        machine = Reach(MachineState.Saving);
        machine.ObserveProcessors(running: false);
        Assert.Equal(MachineState.Saving, machine.State);
    }

    private static MachineStateMachine Reach(MachineState state)
    {
        var machine = new MachineStateMachine(state == MachineState.Saved ? MachineState.Saved : MachineState.Off);
        foreach (var operation in state switch
        {
            MachineState.Off or MachineState.Saved => Array.Empty<MachineOperation>(),
            MachineState.Starting => [MachineOperation.Start],
            MachineState.Running => [MachineOperation.Start],
            MachineState.Paused => [MachineOperation.Start, MachineOperation.Pause],
            MachineState.Pausing => [MachineOperation.Start, MachineOperation.Pause],
            MachineState.Resuming => [MachineOperation.Start, MachineOperation.Pause, MachineOperation.Resume],
            MachineState.Saving => [MachineOperation.Start, MachineOperation.Save],
            MachineState.Stopping => [MachineOperation.Start, MachineOperation.ShutDown],
            MachineState.Resetting => [MachineOperation.Start, MachineOperation.Reset],
            _ => throw new InvalidOperationException(),
        })
        {
            machine.Begin(operation);
            if (machine.State != state)
            {
                machine.Complete();
            }
        }

        Assert.Equal(state, machine.State);
        return machine;
    }
}
