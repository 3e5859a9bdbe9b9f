using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Switches;

/// <summary>Ends the trace that Start-VMTrace began; its files stay.</summary>
[Command("Stop", "VMTrace")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "no trace is under way")]
[Example("Stop-VMTrace", "Ends the trace.")]
public sealed class StopVMTrace : Command
{
    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var done = await context.Service<ISwitches>().StopTraceAsync(context.Cancellation)
            ?? throw Errors.State("No trace is under way; begin one with Start-VMTrace.", null);
        if (done.Fault is not null)
        {
            context.WriteWarning(done.Fault);
        }

        if (done.Lost > 0)
        {
            context.WriteWarning($"{done.Lost} of {done.Frames + done.Lost} frames came faster than they could be written, and are missing in the trace.");
        }
    }
}
