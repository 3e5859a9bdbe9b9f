namespace Vireo.Smb;

/// <summary>Who logs in at a server.</summary>
/// <param name="User">Name of the account.</param>
/// <param name="Domain">Of the account; empty for one of the server itself.</param>
/// <param name="Password">Never shown, never logged.</param>
/// <param name="Encrypt">Whether nothing goes over the network that is not encrypted. A share that asks for it is always encrypted.</param>
public sealed record SmbLogin(string User, string Domain, string Password, bool Encrypt = false)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Domain}\\{User}";
}
