namespace Vireo.Commands.Services;

/// <summary>Files of guests, through their agents. A copy appears under its name when it is complete.</summary>
public interface IGuestFiles
{
    /// <summary>Copies a file of the host into the guest of a machine.</summary>
    Task CopyToGuestAsync(Guid id, string source, string destination, bool createPath, bool force, Action<string, int> progress, CancellationToken cancellation);

    /// <summary>Copies a file of the guest to the host.</summary>
    Task CopyFromGuestAsync(Guid id, string source, string destination, bool createPath, bool force, Action<string, int> progress, CancellationToken cancellation);
}
