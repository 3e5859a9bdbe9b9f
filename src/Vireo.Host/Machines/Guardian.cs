using System.Security.Cryptography;
using Vireo.Commands.Services;
using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Store;
using Vireo.Machines.Configuration;
using Vireo.Platform.Files;

namespace Vireo.Host.Machines;

/// <summary>
/// The host's guardian key, <c>&lt;state&gt;/guardian.key</c>: 32 bytes that root alone reads, made when the first machine needs them. A key protector is a
/// version byte, the nonce, and the machine's key encrypted by AES-256-GCM with its tag.
/// </summary>
/// <param name="stateFolder">Where the key is.</param>
public sealed class Guardian(string stateFolder) : IGuardian
{
    private const byte Version = 1;
    private const int KeyBytes = 32;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int ProtectorBytes = 1 + NonceBytes + KeyBytes + TagBytes;
    private readonly Lock _lock = new();

    private string KeyFile => Path.Combine(stateFolder, "guardian.key");

    /// <inheritdoc/>
    public string New()
    {
        var key = RandomNumberGenerator.GetBytes(KeyBytes);
        var protector = new byte[ProtectorBytes];
        protector[0] = Version;
        var nonce = protector.AsSpan(1, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var cipher = new AesGcm(Key(makes: true)!, TagBytes);
        cipher.Encrypt(nonce, key, protector.AsSpan(1 + NonceBytes, KeyBytes), protector.AsSpan(1 + NonceBytes + KeyBytes), protector.AsSpan(0, 1));
        CryptographicOperations.ZeroMemory(key);
        return Convert.ToBase64String(protector);
    }

    /// <inheritdoc/>
    public bool CanOpen(string protector) => Open(protector) is not null;

    /// <inheritdoc/>
    public bool HasKept(VirtualMachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return new FileInfo(MachineStore.TpmFile(machine)) is { Exists: true, Length: > 0 } || machine.Checkpoints.All.Any(one => File.Exists(CheckpointFiles.Tpm(machine, one.Id)));
    }

    /// <summary>The machine's key; null when the protector is another host's, or none.</summary>
    public byte[]? Open(string protector)
    {
        ArgumentNullException.ThrowIfNull(protector);
        var bytes = new byte[ProtectorBytes];
        if (!Convert.TryFromBase64String(protector, bytes, out var length) || length != ProtectorBytes || bytes[0] != Version || Key(makes: false) is not { } own)
        {
            return null;
        }

        var key = new byte[KeyBytes];
        using var cipher = new AesGcm(own, TagBytes);
        try
        {
            cipher.Decrypt(bytes.AsSpan(1, NonceBytes), bytes.AsSpan(1 + NonceBytes, KeyBytes), bytes.AsSpan(1 + NonceBytes + KeyBytes), key, bytes.AsSpan(0, 1));
            return key;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    private byte[]? Key(bool makes)
    {
        lock (_lock)
        {
            if (File.Exists(KeyFile))
            {
                var key = File.ReadAllBytes(KeyFile);
                return key.Length == KeyBytes ? key : throw new InvalidDataException($"'{KeyFile}' is damaged: it holds {key.Length} bytes instead of {KeyBytes}. Bring it back from a backup: without it no machine with a key protector starts.");
            }

            if (!makes)
            {
                return null;
            }

            // Its owner's alone, and durable before anything is encrypted with it.
            AtomicFile.Write(KeyFile, RandomNumberGenerator.GetBytes(KeyBytes));
            return File.ReadAllBytes(KeyFile);
        }
    }
}
