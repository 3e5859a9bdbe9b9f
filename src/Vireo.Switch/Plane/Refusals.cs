using Vireo.Control;

namespace Vireo.Switch.Plane;

/// <summary>How the plane says no. Ids and categories are those that scripts catch.</summary>
internal static class Refusals
{
    public static ControlException Invalid(string message, string? target = null, Exception? inner = null) =>
        new(new ControlError("InvalidParameter", "InvalidArgument", message, target), inner);

    public static ControlException NotFound(string message, string? target) =>
        new(new ControlError("ObjectNotFound", "ObjectNotFound", message, target));

    public static ControlException InUse(string message, string? target, Exception? inner = null) =>
        new(new ControlError("ObjectInUse", "ResourceBusy", message, target), inner);

    public static ControlException Failed(string message, string? target, Exception inner) =>
        new(new ControlError("OperationFailed", "NotSpecified", message, target), inner);
}
