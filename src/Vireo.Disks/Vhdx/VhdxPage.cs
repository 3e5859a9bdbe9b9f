using System.Runtime.InteropServices;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// 4096 bytes of the block table, of a sector bitmap or of another structure, as they are in the file: the unit that the log writes. Words
/// are read without a lock while one change at a time writes them.
/// </summary>
/// <param name="offsetBytes">Place in the file, a multiple of 4096.</param>
internal sealed class VhdxPage(long offsetBytes)
{
    /// <summary>Length in the file.</summary>
    public const int LengthBytes = VhdxLogEntryHeader.SectorBytes;

    /// <summary>Words of 64 bits in it.</summary>
    public const int WordCount = LengthBytes / sizeof(ulong);

    private readonly ulong[] _words = new ulong[WordCount];

    /// <summary>Place in the file.</summary>
    public long OffsetBytes => offsetBytes;

    /// <summary>Counts changes, so that a copy can be told from what came after it.</summary>
    public int Version { get; private set; }

    /// <summary>Whether it holds something that the format does not allow; such a page is read with care and never written.</summary>
    public bool IsDamaged { get; set; }

    /// <summary>The word at <paramref name="index"/>, in the file's (little endian) and the processor's order.</summary>
    public ulong this[int index] => Volatile.Read(ref _words[index]);

    /// <summary>The bytes, to be filled or changed before others see the page.</summary>
    public Span<byte> Bytes => MemoryMarshal.AsBytes(_words.AsSpan());

    /// <summary>The words, to be filled or changed before others see the page.</summary>
    public Span<ulong> Words => _words;

    /// <summary>Makes the page hold <paramref name="words"/>. Inside the log's gate.</summary>
    public void Store(ReadOnlySpan<ulong> words)
    {
        for (var i = 0; i < WordCount; i++)
        {
            if (_words[i] != words[i])
            {
                Volatile.Write(ref _words[i], words[i]);
            }
        }

        Version++;
    }
}
