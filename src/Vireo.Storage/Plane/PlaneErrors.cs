using Vireo.Control;
using Vireo.Disks;

namespace Vireo.Storage.Plane;

/// <summary>Turns what went wrong into the error that a client sees: ids and categories of the Hyper-V module's errors.</summary>
internal static class PlaneErrors
{
    /// <summary>The error of an image that cannot be opened or made.</summary>
    public static ControlException From(ImageException exception)
    {
        var (id, category) = exception.Kind switch
        {
            ImageErrorKind.NotFound => ("InvalidParameter", "InvalidArgument"),
            ImageErrorKind.InvalidParameter => ("InvalidParameter", "InvalidArgument"),
            ImageErrorKind.AlreadyExists => ("ObjectAlreadyExists", "ResourceExists"),
            ImageErrorKind.AccessDenied => ("AccessDenied", "PermissionDenied"),
            ImageErrorKind.InUse => ("ObjectInUse", "ResourceBusy"),
            ImageErrorKind.Unsupported => ("NotSupported", "NotImplemented"),
            ImageErrorKind.ParentMissing => ("ParentNotFound", "ObjectNotFound"),
            ImageErrorKind.IdentityMismatch => ("ParentMismatch", "InvalidData"),
            ImageErrorKind.NoSpace => ("OutOfDiskSpace", "ResourceUnavailable"),
            _ => ("OperationFailed", "NotSpecified"),
        };
        return new(new ControlError(id, category, exception.Message, exception.Path), exception);
    }

    /// <summary>A parameter is wrong.</summary>
    public static ControlException Invalid(string message, string? target, Exception? inner = null) =>
        new(new ControlError("InvalidParameter", "InvalidArgument", message, target), inner);

    /// <summary>A thing of that name is not there.</summary>
    public static ControlException NotFound(string message, string target) => new(new ControlError("ObjectNotFound", "ObjectNotFound", message, target));

    /// <summary>Something else is under way.</summary>
    public static ControlException Busy(string message, string target) => new(new ControlError("ObjectInUse", "ResourceBusy", message, target));

    /// <summary>The system refused.</summary>
    public static ControlException Failed(string message, string? target, Exception? inner = null) =>
        new(new ControlError("OperationFailed", "NotSpecified", message, target), inner);

    /// <summary>The HTTP status that goes with an error.</summary>
    public static int StatusOf(ControlError error) => error.Category switch
    {
        "InvalidArgument" => 400,
        "PermissionDenied" => 403,
        "ObjectNotFound" => 404,
        "ResourceBusy" or "ResourceExists" => 409,
        "NotImplemented" => 501,
        "ResourceUnavailable" => 507,
        _ => 500,
    };
}
