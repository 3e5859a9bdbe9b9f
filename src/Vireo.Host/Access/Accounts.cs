using System.Globalization;
using Vireo.Commands.Services;

namespace Vireo.Host.Access;

/// <summary>Users and groups of this machine, as <c>/etc/passwd</c> and <c>/etc/group</c> list them; read afresh at each question.</summary>
internal sealed class Accounts : IUsers
{
    private const string Users = "/etc/passwd";
    private const string Groups = "/etc/group";

    /// <summary>User that this process runs as.</summary>
    public uint OwnUserId { get; } = EffectiveId("Uid:");

    /// <summary>Name of a user, or null.</summary>
    public string? UserName(uint id) => Field(Users, 2, id.ToString(CultureInfo.InvariantCulture), 0);

    /// <inheritdoc/>
    public string? FindName(uint id) => UserName(id);

    /// <inheritdoc/>
    public uint? FindId(string name) => uint.TryParse(Field(Users, 0, name, 2), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;

    /// <summary>Number of a group, or null.</summary>
    public uint? GroupId(string name) => uint.TryParse(Field(Groups, 0, name, 2), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;

    /// <summary>Number of the group of a user, or null.</summary>
    public uint? UserGroupId(string user) => uint.TryParse(Field(Users, 0, user, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;

    private static string? Field(string file, int key, string value, int wanted) => File.ReadLines(file)
        .Select(line => line.Split(':'))
        .FirstOrDefault(fields => fields.Length > Math.Max(key, wanted) && string.Equals(fields[key], value, StringComparison.Ordinal))?[wanted];

    private static uint EffectiveId(string label)
    {
        var line = File.ReadLines("/proc/self/status").First(candidate => candidate.StartsWith(label, StringComparison.Ordinal));
        return uint.Parse(line.Split('\t', StringSplitOptions.RemoveEmptyEntries)[2], CultureInfo.InvariantCulture);
    }
}
