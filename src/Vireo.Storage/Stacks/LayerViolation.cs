namespace Vireo.Storage.Stacks;

/// <summary>A layer broke a rule that holds between layers: a defect of that layer, seen at its own edge.</summary>
/// <param name="Layer">The layer that is wrong.</param>
/// <param name="Operation">Read, Write, Flush, Trim, WriteZeroes or MapExtents.</param>
/// <param name="Message">Which rule, with every number.</param>
/// <param name="Cause">The exception that escaped, if that is what happened.</param>
public sealed record LayerViolation(string Layer, string Operation, string Message, Exception? Cause = null);
