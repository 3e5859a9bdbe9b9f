using System.Numerics;

namespace Vireo.Switch.Acls;

/// <summary>A conversation, seen from who is behind the port.</summary>
internal readonly record struct Flow(UInt128 Local, UInt128 Remote, ushort LocalPort, ushort RemotePort, byte Protocol)
{
    /// <summary>A number that spreads; <paramref name="key"/> keeps others from aiming at a place.</summary>
    public ulong Hash(ulong key)
    {
        var mixed = (ulong)Local ^ BitOperations.RotateLeft((ulong)(Local >> 64), 13) ^ BitOperations.RotateLeft((ulong)Remote, 29)
            ^ BitOperations.RotateLeft((ulong)(Remote >> 64), 41) ^ ((ulong)LocalPort << 40) ^ ((ulong)RemotePort << 16) ^ Protocol;
        return (mixed ^ BitOperations.RotateRight(mixed ^ key, 31)) * (key | 1) * 0x9E3779B97F4A7C15;
    }
}
