namespace Vireo.Control;

/// <summary>The body of every refused control request: one sentence for a person, an id for a program.</summary>
/// <param name="ErrorId">Stable identifier, for example <c>ObjectInUse</c>.</param>
/// <param name="Category">Name of a PowerShell error category, for example <c>ResourceBusy</c>.</param>
/// <param name="Message">What happened, to which object, and what to do.</param>
/// <param name="Target">The object: a path, an id or a name.</param>
public sealed record ControlError(string ErrorId, string Category, string Message, string? Target);

/// <summary>A plane refused a request, or could not be reached.</summary>
public class ControlException(ControlError error, Exception? inner = null) : Exception(error.Message, inner)
{
    /// <summary>What the plane said.</summary>
    public ControlError Error { get; } = error;
}
