using System.Runtime.InteropServices;

namespace Vireo.Platform.Files.Queues;

/// <summary>What a ring is asked to do: <c>IORING_OP_*</c>.</summary>
internal enum RingOperation : byte
{
    /// <summary>readv.</summary>
    Read = 1,

    /// <summary>writev.</summary>
    Write = 2,

    /// <summary>fdatasync.</summary>
    Flush = 3,
}

/// <summary>
/// A pair of rings in memory that is shared with the kernel (io_uring): requests go in without a system call, one call hands all of them over,
/// and answers are read without one. For one thread.
/// </summary>
internal sealed unsafe partial class IoRing : IDisposable
{
    private const int SetupCall = 425;
    private const int EnterCall = 426;
    private const int EntryBytes = 64;
    private const int AnswerBytes = 16;

    private readonly Descriptor _ring;
    private readonly nint _rings;
    private readonly nuint _ringsBytes;
    private readonly nint _entries;
    private readonly nuint _entriesBytes;
    private readonly uint* _submitHead;
    private readonly uint* _submitTail;
    private readonly uint _submitMask;
    private readonly uint* _answerHead;
    private readonly uint* _answerTail;
    private readonly uint _answerMask;
    private readonly nint _answers;
    private uint _tail;
    private uint _submitted;

    private IoRing(Descriptor ring, nint rings, nuint ringsBytes, nint entries, in Parameters parameters)
    {
        _ring = ring;
        _rings = rings;
        _ringsBytes = ringsBytes;
        _entries = entries;
        _entriesBytes = parameters.SubmitEntries * EntryBytes;
        _submitHead = (uint*)(rings + (nint)parameters.Submit.Head);
        _submitTail = (uint*)(rings + (nint)parameters.Submit.Tail);
        _submitMask = *(uint*)(rings + (nint)parameters.Submit.Mask);
        _answerHead = (uint*)(rings + (nint)parameters.Answer.Head);
        _answerTail = (uint*)(rings + (nint)parameters.Answer.Tail);
        _answerMask = *(uint*)(rings + (nint)parameters.Answer.Mask);
        _answers = rings + (nint)parameters.Answer.Entries;
        AnswerCapacity = (int)parameters.AnswerEntries;

        // SAFETY: the array has one number for each entry. Entries are used in the order of the ring, so it never changes.
        var order = (uint*)(rings + (nint)parameters.Submit.Entries);
        for (var i = 0u; i < parameters.SubmitEntries; i++)
        {
            order[i] = i;
        }
    }

    /// <summary>The ring's descriptor: readable while there are answers.</summary>
    public Descriptor Descriptor => _ring;

    /// <summary>Answers that fit; no more requests than these may be under way.</summary>
    public int AnswerCapacity { get; }

    /// <summary>Makes a ring, or answers null and the error number: kernels and containers may refuse.</summary>
    public static IoRing? TryCreate(int entries, int answers, out int error)
    {
        const uint clamp = 1 << 4;
        const uint answerSize = 1 << 3;
        const uint singleMapping = 1;
        const int readWrite = 3;
        const int sharedPopulate = 1 | 0x8000;
        const long entriesOffset = 0x10000000;
        var parameters = new Parameters { Flags = clamp | answerSize, AnswerEntries = (uint)answers };

        // SAFETY: the kernel fills the 120 bytes of a local.
        var number = (int)Call(SetupCall, entries, (nint)(&parameters), 0, 0, 0, 0);
        error = number < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (number < 0)
        {
            return null;
        }

        var ring = new Descriptor(number);
        if ((parameters.Features & singleMapping) == 0)
        {
            ring.Dispose();
            error = Errno.NoSystemCall;
            return null;
        }

        var bytes = (nuint)Math.Max(
            parameters.Submit.Entries + (parameters.SubmitEntries * sizeof(uint)), parameters.Answer.Entries + (parameters.AnswerEntries * AnswerBytes));
        var rings = MapMemory(0, bytes, readWrite, sharedPopulate, ring, 0);
        var table = rings == -1 ? -1 : MapMemory(0, parameters.SubmitEntries * EntryBytes, readWrite, sharedPopulate, ring, entriesOffset);
        if (table != -1)
        {
            return new IoRing(ring, rings, bytes, table, parameters);
        }

        error = Marshal.GetLastPInvokeError();
        if (rings != -1)
        {
            _ = UnmapMemory(rings, bytes);
        }

        ring.Dispose();
        return null;
    }

    /// <summary>Puts a request into the ring; false when it is full and <see cref="Submit"/> comes first.</summary>
    /// <param name="operation">What to do.</param>
    /// <param name="descriptor">An open file.</param>
    /// <param name="vector">Address of the vector; its memory and what it names stay until the answer.</param>
    /// <param name="count">Entries of the vector.</param>
    /// <param name="offsetBytes">Where in the file.</param>
    /// <param name="key">Comes back with the answer.</param>
    public bool TryAdd(RingOperation operation, int descriptor, nint vector, int count, long offsetBytes, ulong key)
    {
        const uint dataOnly = 1;
        if (_tail - Volatile.Read(ref *_submitHead) > _submitMask)
        {
            return false;
        }

        // SAFETY: the index is masked to the table of entries, which is mapped as long as this object is not disposed.
        var entry = (Entry*)(_entries + (nint)((_tail & _submitMask) * EntryBytes));
        *entry = new Entry
        {
            Operation = (byte)operation,
            Descriptor = descriptor,
            Offset = (ulong)offsetBytes,
            Address = (ulong)vector,
            Length = (uint)count,
            Flags = operation == RingOperation.Flush ? dataOnly : 0,
            Key = key,
        };
        _tail++;
        return true;
    }

    /// <summary>Hands the kernel what was added; 0 or the negated error number, with which they stay in the ring.</summary>
    public int Submit()
    {
        if (_tail == _submitted)
        {
            return 0;
        }

        Volatile.Write(ref *_submitTail, _tail);
        while (_tail != _submitted)
        {
            var taken = (int)Call(EnterCall, _ring.Number, (nint)(_tail - _submitted), 0, 0, 0, 0);
            if (taken < 0)
            {
                var error = Marshal.GetLastPInvokeError();
                if (error == SystemCall.Interrupted)
                {
                    continue;
                }

                return -error;
            }

            _submitted += (uint)taken;
            if (taken == 0)
            {
                return -SystemCall.Again;
            }
        }

        return 0;
    }

    /// <summary>Takes the next answer, if there is one.</summary>
    public bool TryTake(out ulong key, out int result)
    {
        var head = *_answerHead;
        if (head == Volatile.Read(ref *_answerTail))
        {
            key = 0;
            result = 0;
            return false;
        }

        // SAFETY: the index is masked to the answers, which are mapped as long as this object is not disposed.
        var answer = (Answer*)(_answers + (nint)((head & _answerMask) * AnswerBytes));
        key = answer->Key;
        result = answer->Result;
        Volatile.Write(ref *_answerHead, head + 1);
        return true;
    }

    /// <summary>Closes the ring. Nothing may be under way.</summary>
    public void Dispose()
    {
        _ = UnmapMemory(_entries, _entriesBytes);
        _ = UnmapMemory(_rings, _ringsBytes);
        _ring.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, nint first, nint second, nint third, nint fourth, nint fifth, nint sixth);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MapMemory(nint address, nuint length, int protection, int flags, Descriptor file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int UnmapMemory(nint address, nuint length);

    // struct io_sqring_offsets and io_cqring_offsets, of one length; Entries is the array of the one and the answers of the other.
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    private struct SubmitOffsets
    {
        [FieldOffset(0)]
        public uint Head;

        [FieldOffset(4)]
        public uint Tail;

        [FieldOffset(8)]
        public uint Mask;

        [FieldOffset(24)]
        public uint Entries;
    }

    [StructLayout(LayoutKind.Explicit, Size = 40)]
    private struct AnswerOffsets
    {
        [FieldOffset(0)]
        public uint Head;

        [FieldOffset(4)]
        public uint Tail;

        [FieldOffset(8)]
        public uint Mask;

        [FieldOffset(20)]
        public uint Entries;
    }

    // struct io_uring_params.
    [StructLayout(LayoutKind.Explicit, Size = 120)]
    private struct Parameters
    {
        [FieldOffset(0)]
        public uint SubmitEntries;

        [FieldOffset(4)]
        public uint AnswerEntries;

        [FieldOffset(8)]
        public uint Flags;

        [FieldOffset(20)]
        public uint Features;

        [FieldOffset(40)]
        public SubmitOffsets Submit;

        [FieldOffset(80)]
        public AnswerOffsets Answer;
    }

    // struct io_uring_sqe.
    [StructLayout(LayoutKind.Explicit, Size = EntryBytes)]
    private struct Entry
    {
        [FieldOffset(0)]
        public byte Operation;

        [FieldOffset(4)]
        public int Descriptor;

        [FieldOffset(8)]
        public ulong Offset;

        [FieldOffset(16)]
        public ulong Address;

        [FieldOffset(24)]
        public uint Length;

        [FieldOffset(28)]
        public uint Flags;

        [FieldOffset(32)]
        public ulong Key;
    }

    // struct io_uring_cqe.
    [StructLayout(LayoutKind.Explicit, Size = AnswerBytes)]
    private struct Answer
    {
        [FieldOffset(0)]
        public ulong Key;

        [FieldOffset(8)]
        public int Result;
    }
}
