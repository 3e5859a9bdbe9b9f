using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;

namespace Vireo.Commands.Tests.Sample;

/// <summary>Names that attributes refer to.</summary>
public static class SampleSets
{
    public const string Name = "Name";
    public const string Object = "VM" + nameof(Object);
    public const long Least = 32L << 20;
}

/// <summary>What both samples share.</summary>
public abstract class SampleBase : Command
{
    /// <summary>Names of <see cref="VirtualMachine"/> objects.</summary>
    [Parameter(ParameterSetName = SampleSets.Name, Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Alias("VMName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public virtual string[]? Name { get; set; }

    /// <summary>Machines.</summary>
    [Parameter(ParameterSetName = SampleSets.Object, Position = 0, Mandatory = true, ValueFromPipeline = true)]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>Hosts.</summary>
    [Parameter(ParameterSetName = SampleSets.Name)]
    public string[]? ComputerName { get; set; }
}

/// <summary>Shows every kind of parameter. It writes back what it was given.</summary>
/// <remarks>Only for <c>tests</c>.</remarks>
[Command("Test", "Sample", DefaultParameterSetName = SampleSets.Name, SupportsShouldProcess = true, SupportsAsJob = true, Aliases = ["Test-Specimen"])]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the name is 'bad'")]
[Example("Test-Sample web1", "Writes web1.")]
public sealed class TestSample : SampleBase
{
    /// <summary>Memory, bytes.</summary>
    [Parameter]
    [ValidateRange(SampleSets.Least, 1L << 40)]
    public long? MemoryStartupBytes { get; set; }

    /// <summary>What to do.</summary>
    [Parameter]
    public StartAction? Action { get; set; }

    /// <summary>How long.</summary>
    [Parameter]
    public TimeSpan? Delay { get; set; }

    /// <summary>A word.</summary>
    [Parameter]
    [ValidateSet("Red", "Green")]
    public string? Colour { get; set; }

    /// <summary>A file.</summary>
    [Parameter]
    [FilePath]
    public string? Path { get; set; }

    /// <summary>A small number.</summary>
    [Parameter]
    public ushort? Port { get; set; }

    /// <summary>An id.</summary>
    [Parameter]
    public Guid? Id { get; set; }

    /// <summary>Yes or no.</summary>
    [Parameter]
    public bool? Enabled { get; set; }

    /// <summary>Do not ask.</summary>
    [Parameter]
    public Switch Force { get; set; }

    /// <summary>Ask whether to go on.</summary>
    [Parameter]
    public Switch Ask { get; set; }

    /// <summary>Wait until cancelled.</summary>
    [Parameter]
    public Switch Wait { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        context.WriteVerbose($"set {context.ParameterSetName}");
        context.WriteProgress("Testing", "started", 10);
        if (Wait)
        {
            context.WriteWarning("waiting");
            await Task.Delay(Timeout.Infinite, context.Cancellation);
        }

        if (Ask && !await context.ShouldContinueAsync("Go on?", "Sample"))
        {
            return;
        }

        foreach (var name in Name ?? [.. VM!.Select(machine => machine.Id.ToString())])
        {
            if (name == "throw")
            {
                throw new InvalidDataException("it broke");
            }

            if (name == "bad")
            {
                context.WriteError(new CommandException("InvalidParameter", ErrorCategory.InvalidArgument, "The name 'bad' is bad; choose another.", name));
            }
            else if (await context.ShouldProcessAsync(name, "Test-Sample"))
            {
                context.WriteObject(new VirtualMachine
                {
                    Name = name,
                    Id = Id ?? VM?[0].Id ?? Guid.Empty,
                    MemoryStartup = MemoryStartupBytes ?? 0,
                    State = VMState.Running,
                    Uptime = Delay ?? TimeSpan.Zero,
                    Notes = Colour ?? "",
                    Path = Path ?? "",
                    AutomaticStartAction = Action ?? StartAction.Nothing,
                });
            }
        }
    }
}

/// <summary>Removes with care.</summary>
[Command("Remove", "Sample", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, CmdletClass = "Microsoft.Test.RemoveSampleCommand")]
public sealed class RemoveSample : SampleBase
{
    /// <summary>Name, by position only.</summary>
    [Parameter(Position = 0, Mandatory = true)]
    public override string[]? Name { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var name in Name!)
        {
            if (await context.ShouldProcessAsync(name, "Remove-Sample"))
            {
                context.WriteVerbose($"removed {name}");
            }
        }
    }
}
