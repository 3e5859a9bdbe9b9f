using System.Buffers.Binary;
using System.Text;
using Vireo.Platform;
using Vireo.Platform.Memory;

namespace Vireo.Switch.Extensions.Deaths;

/// <summary>
/// Which extensions have a thread inside their code, in a file that is mapped: what a process has written there is found by the next one however it ended, by a
/// signal, an overflow of the stack or a fault in native code. The file is the plane's own and not kept over a boot.
/// </summary>
/// <remarks>
/// 64 bytes: magic, then whether the process ended in order. Places of 128 bytes: used (4), threads with frames (4), other threads (4), length of the version
/// (4), extension (16), switch or zeros (16), version in UTF-8 (up to 64).
/// </remarks>
internal sealed unsafe class InsideRecord
{
    /// <summary>Instances that can be watched at a time.</summary>
    public const int PlacesMax = 1024;

    private const ulong Magic = 0x3158_5357_4552_4956;
    private const int HeaderBytes = 64;
    private const int EndedOffset = 8;
    private const int PlaceBytes = 128;
    private const int FramesOffset = 4;
    private const int CallsOffset = 8;
    private const int LengthOffset = 12;
    private const int ExtensionOffset = 16;
    private const int SwitchOffset = 32;
    private const int VersionOffset = 48;
    private const int VersionBytesMax = 64;
    private const int FileBytes = HeaderBytes + (PlacesMax * PlaceBytes);
    private readonly SharedMapping _mapping;
    private readonly bool[] _isUsed = new bool[PlacesMax];

    // Never disposed: whoever writes to it keeps it, and its finalizer unmaps it behind the last of them.
    private InsideRecord(SharedMapping mapping) => _mapping = mapping;

    /// <summary>Begins a new record.</summary>
    /// <param name="path">The file; replaced.</param>
    /// <returns>The record, and what the last process left: null when it ended in order or there was none.</returns>
    /// <exception cref="IOException">The file cannot be made.</exception>
    public static (InsideRecord Record, PlaneDeath? Death) Begin(string path, DateTimeOffset now)
    {
        var death = File.Exists(path) ? ReadDeath(File.ReadAllBytes(path), now) : null;

        // With all its blocks: touching memory that the file system has no room for would end the process.
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.ReadWrite, PreallocationSize = FileBytes };
        using var file = new FileStream(path, options);
        file.SetLength(FileBytes);
        using var descriptor = Descriptor.DuplicateOf(file.SafeFileHandle);
        var record = new InsideRecord(SharedMapping.Map(descriptor, 0, FileBytes));
        BinaryPrimitives.WriteUInt64LittleEndian(record.Bytes(0, HeaderBytes), Magic);
        return (record, death);
    }

    /// <summary>Watches an extension.</summary>
    /// <param name="manifest">Which one.</param>
    /// <param name="switchId">Where it runs; empty while it only says what its settings are.</param>
    /// <exception cref="InvalidDataException">More than <see cref="PlacesMax"/> are watched.</exception>
    public InsideMark Watch(ExtensionManifest manifest, Guid switchId)
    {
        lock (_isUsed)
        {
            var place = Array.IndexOf(_isUsed, false);
            if (place < 0)
            {
                throw new InvalidDataException($"More than {PlacesMax} extensions would run at a time; disable some.");
            }

            _isUsed[place] = true;
            var bytes = Bytes(HeaderBytes + (place * PlaceBytes), PlaceBytes);
            bytes.Clear();
            var version = Encoding.UTF8.GetBytes(manifest.Version).AsSpan();
            version = version[..Math.Min(version.Length, VersionBytesMax)];
            version.CopyTo(bytes[VersionOffset..]);
            BinaryPrimitives.WriteInt32LittleEndian(bytes[LengthOffset..], version.Length);
            manifest.Id.TryWriteBytes(bytes[ExtensionOffset..]);
            switchId.TryWriteBytes(bytes[SwitchOffset..]);
            BinaryPrimitives.WriteInt32LittleEndian(bytes, 1);

            // SAFETY: the place is inside the mapping, which this object keeps and the mark keeps this object; both fields are aligned to four bytes.
            var at = (byte*)_mapping.Address + HeaderBytes + (place * PlaceBytes);
            return new InsideMark(this, place, (int*)(at + FramesOffset), (int*)(at + CallsOffset));
        }
    }

    /// <summary>An extension is no longer watched.</summary>
    public void Forget(InsideMark mark)
    {
        lock (_isUsed)
        {
            BinaryPrimitives.WriteInt32LittleEndian(Bytes(HeaderBytes + (mark.Place * PlaceBytes), 4), 0);
            _isUsed[mark.Place] = false;
        }
    }

    /// <summary>The process ends in order, or for a reason that is kept elsewhere.</summary>
    public void End() => BinaryPrimitives.WriteInt32LittleEndian(Bytes(EndedOffset, 4), 1);

    /// <summary>What a record says about the end of its process.</summary>
    /// <returns>Null when it ended in order, when no extension ran, or when the bytes are no record.</returns>
    internal static PlaneDeath? ReadDeath(ReadOnlySpan<byte> bytes, DateTimeOffset now)
    {
        if (bytes.Length != FileBytes || BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Magic || BinaryPrimitives.ReadInt32LittleEndian(bytes[EndedOffset..]) != 0)
        {
            return null;
        }

        List<Suspect> there = [];
        for (var at = HeaderBytes; at < FileBytes; at += PlaceBytes)
        {
            var place = bytes.Slice(at, PlaceBytes);
            if (BinaryPrimitives.ReadInt32LittleEndian(place) == 1)
            {
                var length = Math.Clamp(BinaryPrimitives.ReadInt32LittleEndian(place[LengthOffset..]), 0, VersionBytesMax);
                var switchId = new Guid(place.Slice(SwitchOffset, 16));
                there.Add(new Suspect(
                    new Guid(place.Slice(ExtensionOffset, 16)), Encoding.UTF8.GetString(place.Slice(VersionOffset, length)), switchId == Guid.Empty,
                    BinaryPrimitives.ReadInt32LittleEndian(place[FramesOffset..]) > 0 || BinaryPrimitives.ReadInt32LittleEndian(place[CallsOffset..]) > 0));
            }
        }

        return there.Count == 0 ? null : new PlaneDeath(now, [.. there.Distinct()]);
    }

    // SAFETY: callers stay inside the file's length, all of which is mapped as long as this object is there.
    private Span<byte> Bytes(int offset, int length) => new((byte*)_mapping.Address + offset, length);
}
