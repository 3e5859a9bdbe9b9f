using System.Globalization;

namespace Vireo.Machines.Running;

/// <summary>
/// The unprivileged user of guests' processes. QEMU is started as that user from its first instruction (setpriv(1)) and with
/// no_new_privs: its own <c>-runas</c> would need the very system calls that its sandbox denies.
/// </summary>
public static class Privileges
{
    /// <summary>Name of the user that the package creates.</summary>
    public const string UsualUser = "vireo-vm";

    /// <summary>The usual user when it exists and we may become it; else null.</summary>
    public static string? FindUser() =>
        System.Environment.IsPrivilegedProcess && FindIds(UsualUser) is not null ? UsualUser : null;

    /// <summary>User and group id of <paramref name="user"/>; null when there is none.</summary>
    public static (int UserId, int GroupId)? FindIds(string user)
    {
        // passwd(5): name:password:uid:gid:...
        foreach (var line in File.ReadLines("/etc/passwd"))
        {
            var fields = line.Split(':');
            if (fields.Length > 3 && fields[0] == user
                && int.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out var userId)
                && int.TryParse(fields[3], NumberStyles.None, CultureInfo.InvariantCulture, out var groupId))
            {
                return (userId, groupId);
            }
        }

        return null;
    }

    /// <summary>What stands before a command line to run it as <paramref name="user"/>; empty for null.</summary>
    public static IReadOnlyList<string> Drop(string? user)
    {
        if (user is null)
        {
            return [];
        }

        var (userId, groupId) = FindIds(user)
            ?? throw new MachineException(MachineErrorKind.MissingResource, $"The user '{user}' that guests run as does not exist: create it with 'adduser --system --group --no-create-home {user}'.");
        return
        [
            "/usr/bin/setpriv", string.Create(CultureInfo.InvariantCulture, $"--reuid={userId}"), string.Create(CultureInfo.InvariantCulture, $"--regid={groupId}"),
            "--init-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--",
        ];
    }
}
