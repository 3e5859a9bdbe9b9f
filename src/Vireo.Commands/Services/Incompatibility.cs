namespace Vireo.Commands.Services;

/// <summary>What part of a planned machine an incompatibility is about.</summary>
public enum IncompatibleObject
{
    /// <summary>None of the machine's.</summary>
    None,

    /// <summary>The machine itself.</summary>
    Machine,

    /// <summary>Its memory.</summary>
    Memory,

    /// <summary>Its processors.</summary>
    Processor,

    /// <summary>Its firmware or BIOS.</summary>
    Firmware,

    /// <summary>A drive, by id.</summary>
    Drive,

    /// <summary>A network adapter, by id.</summary>
    NetworkAdapter,

    /// <summary>A serial port, by number.</summary>
    ComPort,

    /// <summary>A checkpoint, by id.</summary>
    Checkpoint,
}

/// <summary>One thing that hinders an import.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Message">A sentence that names the object and what is wrong.</param>
/// <param name="Resolution">The command that resolves it; empty when none does.</param>
/// <param name="Object">What it is about.</param>
/// <param name="ObjectId">Which drive, adapter or checkpoint.</param>
/// <param name="Number">Which serial port.</param>
public sealed record Incompatibility(
    IncompatibilityKind Kind, string Message, string Resolution = "", IncompatibleObject Object = IncompatibleObject.Machine, Guid ObjectId = default, int Number = 0)
{
    /// <summary>What is known of the kind.</summary>
    public IncompatibilityFacts Facts => IncompatibilityFacts.Of(Kind);
}
