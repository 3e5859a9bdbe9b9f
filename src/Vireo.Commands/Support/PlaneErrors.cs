using Vireo.Commands.Framework;
using Vireo.Control;

namespace Vireo.Commands.Support;

/// <summary>Turns the refusal of a plane into the error of a command.</summary>
public static class PlaneErrors
{
    /// <summary>The same id, category and sentence.</summary>
    public static CommandException ToCommandError(ControlException refused)
    {
        ArgumentNullException.ThrowIfNull(refused);
        var category = Enum.TryParse<ErrorCategory>(refused.Error.Category, out var known) ? known : ErrorCategory.NotSpecified;
        return new CommandException(refused.Error.ErrorId, category, refused.Error.Message, refused.Error.Target, refused);
    }
}
