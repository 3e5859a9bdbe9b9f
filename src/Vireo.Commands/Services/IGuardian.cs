using Vireo.Machines.Configuration;

namespace Vireo.Commands.Services;

/// <summary>
/// Keeps the keys of machines: each is in its machine's configuration, encrypted with one key that this host alone has. Whoever carries a machine's files
/// away does not read what its trusted platform module keeps.
/// </summary>
public interface IGuardian
{
    /// <summary>A new key, encrypted, in base 64.</summary>
    string New();

    /// <summary>Whether this host can use a key protector: it, or a host with the same guardian key, made it.</summary>
    bool CanOpen(string protector);

    /// <summary>Whether a machine's trusted platform module, or a checkpoint of it, keeps something already, which another key would not read.</summary>
    bool HasKept(VirtualMachineConfiguration machine);
}
