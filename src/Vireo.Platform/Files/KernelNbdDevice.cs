using System.Globalization;
using System.Runtime.InteropServices;

namespace Vireo.Platform.Files;

/// <summary>
/// A block device of the kernel's own NBD client (<c>/dev/nbd0</c> ...), set up by its ioctls (linux/nbd.h): it speaks the transmission phase over
/// a socket whose handshake is over. The device lives as long as <see cref="Run"/>: when that thread or its process is killed the kernel takes
/// connection and size away, so none is left that nobody serves.
/// </summary>
public sealed partial class KernelNbdDevice : IDisposable
{
    private const string Folder = "/sys/block";
    private const nuint SetSocket = 0xab00;
    private const nuint SetBlockSize = 0xab01;
    private const nuint DoIt = 0xab03;
    private const nuint ClearSocket = 0xab04;
    private const nuint SetSizeBlocks = 0xab07;
    private const nuint Disconnect = 0xab08;
    private const nuint SetTimeout = 0xab09;
    private const nuint SetFlags = 0xab0a;
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _device;

    private KernelNbdDevice(string path, Microsoft.Win32.SafeHandles.SafeFileHandle device) => (Path, _device) = (path, device);

    /// <summary>The device's path.</summary>
    public string Path { get; }

    /// <summary>Whether there is a free device that this process sees: the module <c>nbd</c> is loaded or built in.</summary>
    public static bool IsOffered => Free().Any();

    /// <summary>Whether a device is being served.</summary>
    public static bool IsServed(string path) => File.Exists(System.IO.Path.Combine(Folder, System.IO.Path.GetFileName(path), "pid"));

    /// <summary>
    /// Takes the first free device. The kernel wants every step from one thread, <see cref="Run"/> too.
    /// </summary>
    /// <param name="socket">The connection; the kernel keeps a reference of its own.</param>
    /// <param name="sizeBytes">A multiple of <paramref name="blockBytes"/>.</param>
    /// <param name="blockBytes">Logical sector: 512 or 4096.</param>
    /// <param name="transmissionFlags">What the server said of the export.</param>
    /// <exception cref="IOException">No device is free, or the kernel refused; the message says what.</exception>
    public static KernelNbdDevice Take(SafeHandle socket, long sizeBytes, int blockBytes, int transmissionFlags)
    {
        foreach (var name in Free())
        {
            var device = new KernelNbdDevice($"/dev/{name}", File.OpenHandle($"/dev/{name}", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite));
            try
            {
                var added = false;
                try
                {
                    socket.DangerousAddRef(ref added);

                    // Busy: somebody else is setting it up in this moment.
                    if (device.TryControl(SetSocket, socket.DangerousGetHandle(), out var error))
                    {
                        device.Control(SetBlockSize, blockBytes);
                        device.Control(SetSizeBlocks, (nint)(sizeBytes / blockBytes));
                        device.Control(SetTimeout, 0);
                        device.Control(SetFlags, transmissionFlags);
                        return device;
                    }

                    if (error != Errno.Busy)
                    {
                        throw new IOException($"the kernel refused a connection for '{device.Path}': {Errno.Describe(error)}");
                    }
                }
                finally
                {
                    if (added)
                    {
                        socket.DangerousRelease();
                    }
                }
            }
            catch
            {
                device.Dispose();
                throw;
            }

            device.Dispose();
        }

        throw new IOException("the kernel has no free NBD device; load its module (modprobe nbd), with nbds_max=64 when there are too few");
    }

    /// <summary>Serves the device until <see cref="Stop"/> or the end of the connection. On the thread that took it.</summary>
    public void Run()
    {
        // A connection that ends by itself is an end like any other: the device is gone in either case.
        _ = TryControl(DoIt, 0, out _);
        _ = TryControl(ClearSocket, 0, out _);
    }

    /// <summary>Ends <see cref="Run"/>, from any thread; what was written to the device is sent first.</summary>
    /// <exception cref="IOException">That failed; the device ends nevertheless.</exception>
    public void Stop()
    {
        try
        {
            RandomAccess.FlushToDisk(_device);
        }
        finally
        {
            _ = TryControl(Disconnect, 0, out _);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _device.Dispose();

    // In the order of their numbers.
    private static IEnumerable<string> Free() => Directory.Exists(Folder)
        ? Directory.EnumerateFileSystemEntries(Folder, "nbd*").Select(static entry => System.IO.Path.GetFileName(entry))
            .Where(static name => int.TryParse(name.AsSpan(3), NumberStyles.None, CultureInfo.InvariantCulture, out _) && File.Exists($"/dev/{name}") && !IsServed(name))
            .OrderBy(static name => int.Parse(name.AsSpan(3), CultureInfo.InvariantCulture))
        : [];

    private void Control(nuint request, nint argument)
    {
        if (!TryControl(request, argument, out var error))
        {
            throw new IOException($"the kernel refused to set up '{Path}': {Errno.Describe(error)}");
        }
    }

    private bool TryControl(nuint request, nint argument, out int error)
    {
        var done = IoControl(_device, request, argument) >= 0;
        error = done ? 0 : Marshal.GetLastPInvokeError();
        return done;
    }

    // ioctl is variadic; on Linux x86-64 and arm64 an integer argument is passed the same way as in a fixed signature.
    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int IoControl(Microsoft.Win32.SafeHandles.SafeFileHandle descriptor, nuint request, nint argument);
}
