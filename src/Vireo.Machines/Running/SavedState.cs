using System.Buffers.Binary;
using System.Text.Json;
using Vireo.Machines.Devices;

namespace Vireo.Machines.Running;

/// <summary>What a saved state needs to be read again.</summary>
/// <param name="MachineId">Whose it is.</param>
/// <param name="QemuVersion">The QEMU that wrote it.</param>
/// <param name="MachineType">Exact machine type, for example <c>pc-i440fx-7.2</c>.</param>
/// <param name="Slots">Places of its devices.</param>
/// <param name="Memory">Layout of its memory; null in states of machines that had none but the plain one.</param>
/// <param name="AssignedBytes">Memory that the guest had; null is its startup memory.</param>
public sealed record SavedStateHeader(
    Guid MachineId, string QemuVersion, string MachineType, DeviceSlots Slots, MemoryLayout? Memory = null, long? AssignedBytes = null);

/// <summary>What others may know of a saved state.</summary>
public static class SavedStates
{
    /// <summary>What is out of bounds in what another host says of a state; null when nothing is.</summary>
    public static string? Problem(SavedStateHeader? header) => header is null ? "There is none." : SavedStateSanity.Problem(header);

    /// <summary>Memory in bytes that the guest needs to go on; null when the file does not say, or cannot be read: its start tells why.</summary>
    public static long? FindMemory(string path)
    {
        try
        {
            var (stream, header) = SavedState.Open(path);
            stream.Dispose();
            return header.AssignedBytes;
        }
        catch (MachineException)
        {
            return null;
        }
    }
}

/// <summary>
/// File of a saved state. Bytes 0 to 7: "VIREOSAV". 8 to 11: format version, 1, little endian. 12 to 15: length of the header. From 16:
/// the header in JSON. From <see cref="StreamOffset"/>: QEMU's migration stream to the end.
/// </summary>
internal static class SavedState
{
    /// <summary>Where QEMU's stream begins.</summary>
    public const int StreamOffset = 65536;

    private const int FormatVersion = 1;
    private const int HeaderOffset = 16;

    private static ReadOnlySpan<byte> Signature => "VIREOSAV"u8;

    /// <summary>Makes the file with its header; the handle stands at the beginning of the stream.</summary>
    public static FileStream Create(string path, SavedStateHeader header)
    {
        // It holds all that the guest knew.
        var stream = new FileStream(
            path,
            new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Share = FileShare.Read,
                BufferSize = 0,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        stream.Write(Format(header));
        return stream;
    }

    /// <summary>Replaces the header of a file; the stream stays.</summary>
    public static void WriteHeader(string path, SavedStateHeader header)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        stream.Write(Format(header));
        stream.Flush(flushToDisk: true);
    }

    private static byte[] Format(SavedStateHeader header)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(header, MachineJson.Default.SavedStateHeader);
        var block = new byte[StreamOffset];
        Platform.Invariant.Check(json.Length <= StreamOffset - HeaderOffset);
        Signature.CopyTo(block);
        BinaryPrimitives.WriteInt32LittleEndian(block.AsSpan(8), FormatVersion);
        BinaryPrimitives.WriteInt32LittleEndian(block.AsSpan(12), json.Length);
        json.CopyTo(block, HeaderOffset);
        return block;
    }

    /// <summary>Opens the file and reads its header; the handle stands at the beginning of the stream.</summary>
    /// <exception cref="MachineException">It is not a saved state of this version.</exception>
    public static (FileStream Stream, SavedStateHeader Header) Open(string path)
    {
        FileStream stream;
        try
        {
            stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new MachineException(MachineErrorKind.SavedState, $"The saved state '{path}' cannot be opened: {exception.Message}", exception);
        }

        try
        {
            var block = new byte[StreamOffset];
            stream.ReadExactly(block);
            return (stream, Parse(block));
        }
        catch (Exception exception) when (exception is IOException or JsonException or InvalidDataException)
        {
            stream.Dispose();
            throw new MachineException(
                MachineErrorKind.SavedState, $"The file '{path}' is not a saved state that this version can read; remove the saved state to start the virtual machine.", exception);
        }
    }

    /// <summary>Reads the header from the first <see cref="StreamOffset"/> bytes.</summary>
    public static SavedStateHeader Parse(ReadOnlySpan<byte> block)
    {
        if (block.Length < StreamOffset || !block.StartsWith(Signature) || BinaryPrimitives.ReadInt32LittleEndian(block[8..]) != FormatVersion)
        {
            throw new InvalidDataException("The signature or version is wrong.");
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(block[12..]);
        if (length is <= 0 or > StreamOffset - HeaderOffset)
        {
            throw new InvalidDataException("The length of the header is out of bounds.");
        }

        var header = JsonSerializer.Deserialize(block.Slice(HeaderOffset, length), MachineJson.Default.SavedStateHeader) ?? throw new InvalidDataException("The header is empty.");
        return SavedStateSanity.Problem(header) is { } problem ? throw new InvalidDataException(problem) : header;
    }
}
