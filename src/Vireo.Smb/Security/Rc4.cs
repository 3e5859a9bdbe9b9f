namespace Vireo.Smb.Security;

/// <summary>RC4. Broken as a cipher; NTLM hands over the key of a session with it, under a key that is used once.</summary>
internal static class Rc4
{
    /// <summary>Encrypts or decrypts.</summary>
    public static byte[] Apply(ReadOnlySpan<byte> key, ReadOnlySpan<byte> source)
    {
        Span<byte> state = stackalloc byte[256];
        for (var i = 0; i < state.Length; i++)
        {
            state[i] = (byte)i;
        }

        for (int i = 0, j = 0; i < state.Length; i++)
        {
            j = (j + state[i] + key[i % key.Length]) & 0xFF;
            (state[i], state[j]) = (state[j], state[i]);
        }

        var result = new byte[source.Length];
        for (int at = 0, i = 0, j = 0; at < source.Length; at++)
        {
            i = (i + 1) & 0xFF;
            j = (j + state[i]) & 0xFF;
            (state[i], state[j]) = (state[j], state[i]);
            result[at] = (byte)(source[at] ^ state[(state[i] + state[j]) & 0xFF]);
        }

        return result;
    }
}
