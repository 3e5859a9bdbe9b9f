using System.Runtime.InteropServices;

namespace Vireo.Platform.Net;

/// <summary>
/// An Ethernet interface of this network namespace whose other end is this object (Linux "Universal TUN/TAP device driver"). Every
/// frame is preceded by a virtio-net header of <see cref="HeaderBytes"/>, so checksums and segmentation can be left to the receiver in
/// both directions.
/// </summary>
/// <remarks>The interface outlives the process and keeps its addresses; it only loses its carrier until it is opened again.</remarks>
public sealed partial class TapDevice : IDisposable
{
    /// <summary>Bytes of <c>struct virtio_net_hdr_v1</c> (virtio 1.2 5.1.6).</summary>
    public const int HeaderBytes = 12;

    private const nuint SetInterface = 0x400454CA;
    private const nuint SetPersistent = 0x400454CB;
    private const nuint SetOffload = 0x400454D0;
    private const nuint SetHeaderBytes = 0x400454D8;

    private TapDevice(string name, Descriptor descriptor)
    {
        Name = name;
        Descriptor = descriptor;
    }

    /// <summary>Name of the interface.</summary>
    public string Name { get; }

    /// <summary>To be polled.</summary>
    public Descriptor Descriptor { get; }

    /// <summary>Makes the interface, or opens it again.</summary>
    /// <exception cref="IOException">Another process has it open, it is not a tap, or the kernel refused; <c>HResult</c> is the error number.</exception>
    public static unsafe TapDevice Open(string name)
    {
        const int readWriteNonBlockingCloseOnExec = 2 | 0x800 | 0x80000;
        var number = OpenFile("/dev/net/tun", readWriteNonBlockingCloseOnExec);
        if (number < 0)
        {
            throw SystemCall.Failed("'/dev/net/tun' could not be opened; is the kernel module 'tun' there?");
        }

        var descriptor = new Descriptor(number);
        try
        {
            const short tap = 0x2;
            const short noPacketInformation = 0x1000;
            const short header = 0x4000;
            var request = new InterfaceRequest(name) { Flags = tap | noPacketInformation | header };
            Check(request.Call(descriptor, SetInterface), name, "made");
            var bytes = HeaderBytes;

            // SAFETY: the request reads one int, a local.
            Check(Control(descriptor, SetHeaderBytes, &bytes), name, "set up");

            const nint checksumTcp4Tcp6 = 1 | 2 | 4;
            Check(Control(descriptor, SetOffload, (void*)checksumTcp4Tcp6), name, "set up");
            Check(Control(descriptor, SetPersistent, (void*)1), name, "kept");
            return new TapDevice(name, descriptor);
        }
        catch
        {
            descriptor.Dispose();
            throw;
        }
    }

    /// <summary>Removes the interface called <paramref name="name"/> if it is a tap that nobody has open.</summary>
    public static void RemoveIfIdle(string name)
    {
        if (NetworkInterfaces.Find(name) is null)
        {
            return;
        }

        using var tap = Open(name);
        tap.Remove();
    }

    /// <summary>The interface goes when this object is disposed.</summary>
    public unsafe void Remove()
    {
        // SAFETY: the request takes its argument as a number and follows no pointer.
        Check(Control(Descriptor, SetPersistent, null), Name, "removed");
    }

    /// <summary>Receives one frame that the management operating system sent.</summary>
    /// <param name="header">Receives the virtio-net header; <see cref="HeaderBytes"/>.</param>
    /// <param name="frame">Receives the frame; a longer one is cut.</param>
    /// <returns>Bytes of the frame, or the negative error number: -<see cref="SystemCall.Again"/> when there is none.</returns>
    public unsafe int Receive(Span<byte> header, Span<byte> frame)
    {
        // SAFETY: both spans are pinned for the call and passed with their own lengths.
        fixed (byte* headerStart = header, frameStart = frame)
        {
            var parts = stackalloc IoVector[2];
            parts[0] = new IoVector(headerStart, (nuint)header.Length);
            parts[1] = new IoVector(frameStart, (nuint)frame.Length);
            var length = ReadVector(Descriptor, parts, 2);
            return length >= 0 ? Math.Max(0, (int)length - header.Length) : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Hands one frame to the management operating system.</summary>
    /// <returns>Zero, or the negative error number.</returns>
    public unsafe int Send(ReadOnlySpan<byte> header, ReadOnlySpan<byte> frame)
    {
        // SAFETY: both spans are pinned for the call and passed with their own lengths.
        fixed (byte* headerStart = header, frameStart = frame)
        {
            var parts = stackalloc IoVector[2];
            parts[0] = new IoVector(headerStart, (nuint)header.Length);
            parts[1] = new IoVector(frameStart, (nuint)frame.Length);
            return WriteVector(Descriptor, parts, 2) >= 0 ? 0 : -Marshal.GetLastPInvokeError();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();

    private static void Check(int result, string name, string what)
    {
        if (result < 0)
        {
            var error = result == -1 ? Marshal.GetLastPInvokeError() : -result;
            throw new IOException($"The network interface '{name}' could not be {what}: {Marshal.GetPInvokeErrorMessage(error)}.", error);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static unsafe partial int Control(Descriptor descriptor, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "readv", SetLastError = true)]
    private static unsafe partial nint ReadVector(Descriptor descriptor, IoVector* parts, int count);

    [LibraryImport("libc", EntryPoint = "writev", SetLastError = true)]
    private static unsafe partial nint WriteVector(Descriptor descriptor, IoVector* parts, int count);
}
